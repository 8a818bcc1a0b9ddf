/** How many syllables an English word has, as syllapy counts: by its list of words, or else by runs of vowels. */
import { isPunctuation, strip } from "./python-text.ts";
import { SYLLABLE_EXCEPTIONS } from "./syllable-exceptions.ts";

let loaded: ReadonlyMap<string, number> | undefined;

function exceptions(): ReadonlyMap<string, number> {
  loaded ??= new Map(
    Object.entries(SYLLABLE_EXCEPTIONS).flatMap(([count, words]) =>
      words.split(" ").map((word) => [word, Number(count)] as const),
    ),
  );
  return loaded;
}

/** 0 for what has a digit or no letter. A word of several parts with hyphens has the syllables of all of them. */
export function syllablesOf(text: string): number {
  let total = 0;
  // Each part but the last is followed by something: `self-` is one part.
  for (const part of partsOf(trimmed(text))) {
    const count = countOf(part);
    if (count === 0) return 0;
    total += count;
  }
  return total;
}

function trimmed(text: string): string {
  const word = strip(text).toLowerCase();
  let [from, to] = [0, word.length];
  while (from < to && isPunctuation(word[from]!)) from += 1;
  while (to > from && isPunctuation(word[to - 1]!)) to -= 1;
  return word.slice(from, to);
}

function partsOf(word: string): string[] {
  return exceptions().has(word) ? [word] : word.split("-").map(trimmed);
}

function countOf(word: string): number {
  if (word === "" || /\p{Nd}/u.test(word)) return 0;
  const known = exceptions().get(word);
  if (known !== undefined) return known;
  let count = word.match(/[aeiouy]+/g)?.length ?? 0;
  if (word.endsWith("e")) count -= 1;
  if (/[^aeiouy]le$/.test(word)) count += 1;
  return count === 0 ? 1 : count;
}
