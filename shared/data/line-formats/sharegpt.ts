import { isRecord } from "../columns.ts";
import { conversation } from "./conversation.ts";
import type { LineFormat } from "./format.ts";

/** ShareGPT: `{"conversations": [{"from", "value"}, …]}`, as in SlimOrca and OpenHermes; or with roles and contents. */
export const sharegpt = conversation({ id: "sharegpt", name: "ShareGPT", key: "conversations" });

const isTurn = (item: unknown) => isRecord(item) && (Object.hasOwn(item, "from") || Object.hasOwn(item, "role"));

/** The same as in the first published files of ShareGPT: `{"items": [{"from", "value"}, …]}`. */
export const sharegptItems: LineFormat = {
  ...conversation({ id: "sharegpt_items", name: "ShareGPT's items", key: "items" }),
  // Other collections have columns of that name too.
  fits: ({ items }) => Array.isArray(items) && items.length > 0 && items.every(isTurn),
};
