/** A completion behind its prompt, as the kinds of preference data share it: a text, or turns that end with the assistant's. */
import type { Columns } from "./columns.ts";
import { assistantTurn, type TrainingMessage } from "./example.ts";
import { holdsMessages, readMessages } from "./messages.ts";

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

/** A text, or everything that the turns of a conversation say. */
export function textOf(given: Written): string {
  if (typeof given === "string") return given;
  return given
    .map(({ content, tool_calls: calls }) => (calls === undefined ? content : content + JSON.stringify(calls)))
    .join("\n");
}

/** A completion as turns; a text is what the assistant says. */
export function turnsOf(completion: Written): readonly TrainingMessage[] {
  return typeof completion === "string" ? [assistantTurn(completion)] : completion;
}

/** Equal for completions that say the same, whether they are texts or turns. */
export function completionKey(completion: Written): string {
  return JSON.stringify(turnsOf(completion));
}

/**
 * Throws `invalid_file` at the first of a line's completions that says the same as one before it: neither can be the better one.
 *
 * @param named the completions, under the names of the fields that hold them
 * @param advice what to do about it
 */
export function requireDifferent(columns: Columns, named: Readonly<Record<string, Written>>, advice: string): void {
  const seen = new Map<string, string>();
  for (const [name, completion] of Object.entries(named)) {
    const key = completionKey(completion);
    const twin = seen.get(key);
    if (twin !== undefined) throw columns.error(name, `is the same as ${twin}, so neither is better; ${advice}`);
    seen.set(key, name);
  }
}

function checkedCompletion<T extends Written>(columns: Columns, name: string, completion: T): T {
  const turns: readonly TrainingMessage[] = typeof completion === "string" ? [] : completion;
  const foreign = [turns[0], turns.at(-1)].find((turn) => turn !== undefined && turn.role !== "assistant");
  if (foreign !== undefined)
    throw columns.error(name, `must end with the assistant's answer, not with ${foreign.role}`);
  if (textOf(completion).trim() === "") throw columns.error(name, "must not be empty");
  return completion;
}
