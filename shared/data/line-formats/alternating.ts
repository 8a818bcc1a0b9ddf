import { chatExample } from "../example.ts";
import { MAX_MESSAGES } from "../messages.ts";
import { withSystem } from "./conversation.ts";
import type { LineFormat } from "./format.ts";

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.length > 0 && value.every((text) => typeof text === "string");

/** A conversation as a list of texts, whose speakers take turns: the user begins. */
function alternating({ id, name, key }: { id: string; name: string; key: string }): LineFormat {
  return {
    id,
    name,
    keys: [key],
    columns: ["system", "system_prompt"],
    fits: (record) => isTexts(record[key]),
    read(columns) {
      const texts = columns.take(key);
      if (!isTexts(texts)) throw columns.error(key, "must be a list of texts: the user's, the assistant's, and so on");
      if (texts.length > MAX_MESSAGES) {
        throw columns.error(key, `must have at most ${MAX_MESSAGES} texts, but has ${texts.length}; split it`);
      }
      const turns = texts.map((content, at) => ({ role: at % 2 === 0 ? "user" : "assistant", content }) as const);
      return chatExample(withSystem(columns, turns));
    },
  };
}

/** UltraChat as it was first published: `{"id", "data": ["a question", "an answer", …]}`. */
export const ultrachat = alternating({ id: "ultrachat", name: "UltraChat", key: "data" });

/** LIMA: `{"conversations": ["a question", "an answer", …], "source"}`. */
export const lima = alternating({ id: "lima", name: "LIMA", key: "conversations" });
