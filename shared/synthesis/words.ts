/** The words of a text as measures of generated data count them: letters and digits of any script, in lower case. */
export function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
}

export function normalized(text: string): string {
  return wordsOf(text).join(" ");
}

/** The n-grams of words, in order. */
export function gramsOf(words: readonly string[], n: number): string[] {
  return Array.from({ length: Math.max(0, words.length - n + 1) }, (_, at) => words.slice(at, at + n).join(" "));
}

/** What two texts share if one contaminates the other: n words in a row, or all of a text that has fewer. */
export function overlapsOf(words: readonly string[], n: number): string[] {
  return words.length > 0 && words.length < n ? [words.join(" ")] : gramsOf(words, n);
}
