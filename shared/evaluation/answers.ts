/** Whether an answer to a probe is right. */

/** Whether the text begins with the answer as a whole word: `Parisian` does not match `Paris`. */
export function beginsWithAnswer(text: string, answer: string): boolean {
  const trimmed = text.trimStart();
  return trimmed.startsWith(answer) && !/^[\p{L}\p{N}]/u.test(trimmed.slice(answer.length));
}

/** Whether the text is the answer and nothing else but white space around it. */
export function isAnswer(text: string, answer: string): boolean {
  return text.trim() === answer.trim();
}

/** Whether the text is JSON of the same value as the answer; the order of keys does not count. */
export function isSameJson(text: string, answer: string): boolean {
  const [got, expected] = [parsed(text), parsed(answer)];
  return got !== undefined && expected !== undefined && isEqual(got.value, expected.value);
}

function parsed(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

function isEqual(a: unknown, b: unknown): boolean {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return Object.is(a, b);
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [left, right] = [a, b] as [Readonly<Record<string, unknown>>, Readonly<Record<string, unknown>>];
  const keys = Object.keys(left);
  return (
    keys.length === Object.keys(right).length &&
    keys.every((key) => Object.hasOwn(right, key) && isEqual(left[key], right[key]))
  );
}
