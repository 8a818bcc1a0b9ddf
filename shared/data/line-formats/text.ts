import type { LineFormat } from "./format.ts";

/** Columns that say the text is half of a pair whose other half is missing. */
const PARTS = ["prompt", "completion", "instruction", "question", "query", "response", "answer", "output"];

/**
 * A plain text: `{"text"}`. All of it is trained on, as in pretraining. It is not put into a chat template, since such
 * columns often hold rendered chats.
 */
export const plainText: LineFormat = {
  id: "text",
  name: "text",
  keys: ["text"],
  read(columns) {
    const part = PARTS.find((name) => columns.names.includes(name));
    if (part !== undefined) {
      throw columns.error(
        part,
        "stands beside text alone; add the column that answers it, or remove it to learn the text",
      );
    }
    const completion = columns.text("text");
    if (completion === "") throw columns.error("text", "must not be empty");
    return { kind: "completion", prompt: "", completion };
  },
};
