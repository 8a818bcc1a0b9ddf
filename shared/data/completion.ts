/** A completion behind its prompt, as the kinds of preference data share it: a text, or turns that end with the assistant's. */
import type { Columns } from "./columns.ts";
import type { TrainingMessage } from "./example.ts";
import { holdsMessages, readMessages } from "./messages.ts";
import { textOf } from "./preference-statistics.ts";

/** A text, or turns. */
export type Written = string | readonly TrainingMessage[];

/** Reads a column that holds a text or turns. Throws `invalid_file`, naming it. */
export function readWritten(columns: Columns, name: string): Written {
  const value = columns.take(name);
  return holdsMessages(value) || Array.isArray(value) ? readMessages(columns, name) : columns.text(name);
}

/** Reads the completion in a column: not empty, and if it is turns, they begin and end with the assistant's. */
export function readCompletion(columns: Columns, name: string): Written {
  return checkedCompletion(columns, name, readWritten(columns, name));
}

/** The prompt and the completion of a conversation, whose last turn is the completion. */
export function readLastTurn(
  columns: Columns,
  name: string,
): { readonly prompt: Written; readonly completion: Written } {
  const turns = readMessages(columns, name);
  if (turns.length < 2) throw columns.error(name, "must have a prompt and an answer");
  return { prompt: turns.slice(0, -1), completion: checkedCompletion(columns, name, turns.slice(-1)) };
}

function checkedCompletion<T extends Written>(columns: Columns, name: string, completion: T): T {
  const turns: readonly TrainingMessage[] = typeof completion === "string" ? [] : completion;
  const foreign = [turns[0], turns.at(-1)].find((turn) => turn !== undefined && turn.role !== "assistant");
  if (foreign !== undefined)
    throw columns.error(name, `must end with the assistant's answer, not with ${foreign.role}`);
  if (textOf(completion).trim() === "") throw columns.error(name, "must not be empty");
  return completion;
}
