import { conversation } from "./conversation.ts";

/** LMSYS, WildChat and others: `{"conversation": [{"role", "content"}, …]}`. */
export const lmsys = conversation({ id: "lmsys", name: "LMSYS", key: "conversation" });
