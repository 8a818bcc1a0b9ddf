/** The prompt of a pair whose sides repeat it. */
import type { TrainingMessage } from "./example.ts";

/**
 * What two texts begin with, up to the last white space, which begins the completions: a prompt that ended within a word would
 * be read as other tokens than it is served as.
 */
export function sharedText(chosen: string, rejected: string): string {
  let end = 0;
  while (end < chosen.length && chosen[end] === rejected[end]) end += 1;
  const isBreak = (text: string, at: number) => /^\s$/.test(text[at] ?? "");
  while (end > 0 && !(isBreak(chosen, end) && isBreak(rejected, end))) end -= 1;
  while (end > 0 && isBreak(chosen, end - 1)) end -= 1;
  return chosen.slice(0, end);
}

/**
 * How many turns two conversations begin with alike, at least one of each left over. With a prompt, they must begin with its
 * turns, or with turns that hold its text; 0 where they do not.
 */
export function sharedTurns(
  chosen: readonly TrainingMessage[],
  rejected: readonly TrainingMessage[],
  prompt?: string | readonly TrainingMessage[],
): number {
  const isSame = (left: TrainingMessage | undefined, right: TrainingMessage | undefined) =>
    JSON.stringify(left) === JSON.stringify(right);
  const most = Math.min(chosen.length, rejected.length);
  let shared = 0;
  while (shared < most && isSame(chosen[shared], rejected[shared])) shared += 1;
  // A completion begins with the assistant's turn.
  const begins = chosen[shared]?.role === "assistant" && rejected[shared]?.role === "assistant";
  if (!begins && shared < most) return 0;
  if (prompt === undefined) return shared;
  if (typeof prompt === "string") {
    return chosen.slice(0, shared).some(({ content }) => content === prompt) ? shared : 0;
  }
  return prompt.length <= shared && prompt.every((turn, at) => isSame(turn, chosen[at])) ? prompt.length : 0;
}
