import { z } from "zod";
import { chatExample, systemTurn } from "../example.ts";
import { COMMON_LABELS, type LineFormat, MAX_MESSAGES } from "./format.ts";

/** The names that such datasets use for the speakers. */
const ROLES = {
  system: "system",
  human: "user",
  user: "user",
  gpt: "assistant",
  chatgpt: "assistant",
  bing: "assistant",
  bard: "assistant",
  model: "assistant",
  assistant: "assistant",
} as const;
const role = z.enum(Object.keys(ROLES) as (keyof typeof ROLES)[]).transform((from) => ROLES[from]);

/** ShareGPT: `{"conversations": [{"from", "value"}, …]}`. */
export const sharegpt: LineFormat = {
  name: "ShareGPT",
  keys: ["conversations"],
  schema: z
    .strictObject({
      conversations: z
        .array(
          z.strictObject({
            from: role,
            value: z.string(),
            weight: z.union([z.literal(0), z.literal(1)]).nullish(),
          }),
        )
        .min(1, "must not be empty")
        .max(MAX_MESSAGES),
      system: z.string().nullish(),
      ...COMMON_LABELS,
    })
    .transform(({ conversations, system }) =>
      chatExample([
        ...systemTurn(system),
        ...conversations.map(({ from, value, weight }) => ({
          role: from,
          content: value,
          ...(from === "assistant" && weight != null ? { weight } : {}),
        })),
      ]),
    ),
};
