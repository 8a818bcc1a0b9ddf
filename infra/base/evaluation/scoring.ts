/** Whether an answer is right. Pure functions. */
import type { TaskName } from "../corpus/tasks.ts";

/** Whether the text begins with the answer as a whole word: `Parisian` does not match `Paris`. */
export function isFactRecalled(generated: string, answer: string): boolean {
  const text = generated.trimStart();
  return text.startsWith(answer) && !/^[\p{L}\p{N}]/u.test(text.slice(answer.length));
}

/** Whether the text is the answer and nothing else; JSON is compared as JSON. */
export function isTaskSolved(task: TaskName, generated: string, answer: string): boolean {
  const text = generated.trim();
  return task === "extract" ? sameRecord(text, answer) : text === answer;
}

function sameRecord(text: string, answer: string): boolean {
  const got = parseRecord(text);
  const expected = parseRecord(answer);
  if (got === undefined || expected === undefined) return false;
  const keys = Object.keys(expected);
  return Object.keys(got).length === keys.length && keys.every((key) => got[key] === expected[key]);
}

function parseRecord(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    // Text that is not JSON is a wrong answer, not an error.
    return undefined;
  }
}
