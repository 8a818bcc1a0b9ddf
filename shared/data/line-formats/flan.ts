import type { Columns } from "../columns.ts";
import { assistantTurn, chatExample, instructionWith, userTurn } from "../example.ts";
import type { LineFormat } from "./format.ts";

/** FLAN and Natural Instructions: `{"definition", "inputs", "targets"}`. */
export const flan: LineFormat = {
  name: "FLAN and Natural Instructions",
  keys: ["inputs", "targets"],
  read(columns) {
    const definition = columns.take("definition") === undefined ? [] : texts(columns, "definition");
    return chatExample([
      userTurn(instructionWith(definition.join("\n"), columns.text("inputs"))),
      // If several answers are right, the first is trained on.
      assistantTurn(texts(columns, "targets")[0]!),
    ]);
  },
};

/** A column with a text or a list of texts. */
function texts(columns: Columns, name: string): string[] {
  const value = columns.take(name);
  if (!Array.isArray(value)) return [columns.text(name)];
  if (value.length > 0 && value.every((text) => typeof text === "string")) return value;
  throw columns.error(name, "must be a text, or a list with at least one text");
}
