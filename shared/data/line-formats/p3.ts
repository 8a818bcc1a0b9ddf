import type { Columns } from "../columns.ts";
import { assistantTurn, chatExample, userTurn } from "../example.ts";
import type { LineFormat } from "./format.ts";

/**
 * P3, which T0 learned from: `{"inputs_pretokenized", "targets_pretokenized"}`, with the same as ids of T5's tokens in `inputs` and
 * `targets`, which are left out. T5's tokenizer drops the white space around the texts, so it is dropped here too.
 *
 * Its tasks of ranked answers have a line for each answer, right or wrong, with `is_correct`; a wrong one, or one of weight 0, is
 * not trained on.
 */
export const p3: LineFormat = {
  id: "p3",
  name: "P3",
  keys: ["inputs_pretokenized", "targets_pretokenized"],
  columns: ["is_correct", "weight"],
  read(columns) {
    const question = columns.text("inputs_pretokenized").trim();
    const answer = assistantTurn(columns.text("targets_pretokenized").trim());
    const weight = Number(columns.take("weight") ?? 1);
    const isTrained = isCorrect(columns) && weight !== 0;
    return chatExample([userTurn(question), isTrained ? answer : { ...answer, weight: 0 }]);
  },
};

function isCorrect(columns: Columns): boolean {
  const value = columns.take("is_correct");
  if (value === undefined) return true;
  if (typeof value === "boolean") return value;
  const named = typeof value === "string" ? value.toLowerCase() : String(value);
  if (["true", "1"].includes(named)) return true;
  if (["false", "0"].includes(named)) return false;
  throw columns.error("is_correct", "must be true or false");
}
