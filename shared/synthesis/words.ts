/** The words of a text as measures of generated data count them: letters and digits of any script, in lower case. */
export function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
}

/** Scripts that put no spaces between words. */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;

const segmenter = new Intl.Segmenter("en", { granularity: "word" });

/** How many words a reader sees in a text: vowel signs and accents belong to their words, and unspaced scripts are segmented. */
export function countWords(text: string): number {
  let count = 0;
  for (const [run] of text.matchAll(/[\p{L}\p{N}\p{M}]+/gu)) {
    count += UNSPACED.test(run) ? [...segmenter.segment(run)].filter(({ isWordLike }) => isWordLike).length : 1;
  }
  return count;
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
