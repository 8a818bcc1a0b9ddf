/** How varied the words of texts are, by measures whose numbers do not grow or shrink with the amount of text that is read. */
import { deflateSync } from "fflate";

export interface LexicalFigures {
  readonly texts: number;
  readonly words: number;
  /** Different runs of 1, 2 and 3 words, of all such runs in the first 10,000 words (Li et al., 2016). */
  readonly distinct: [one: number, two: number, three: number];
  /** Different words of each 100 in a row, on average (Covington and McFall, 2010). */
  readonly moving_ttr: number | null;
  /** How many words in a row keep a ratio of different words above 0.72 (McCarthy and Jarvis, 2010). */
  readonly mtld: number | null;
  /** Bytes of the first 128 KiB of text to those that DEFLATE makes of them: text that repeats itself becomes smaller. */
  readonly compression_ratio: number | null;
}

const DISTINCT_WORDS = 10_000;
const WINDOW = 100;
const COMPRESSED_BYTES = 128 * 1024;
const MTLD_THRESHOLD = 0.72;
/** Fewer words say nothing about lengths of which whole texts are made. */
const FEWEST_WORDS = 50;

export function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{M}\p{N}]+(?:['’][\p{L}\p{M}]+)*/gu) ?? [];
}

export function lexicalFigures(texts: readonly string[]): LexicalFigures {
  const words = texts.flatMap(wordsOf);
  const bytes = new TextEncoder().encode(texts.join("\n")).subarray(0, COMPRESSED_BYTES);
  return {
    texts: texts.length,
    words: words.length,
    distinct: [distinctShare(texts, 1), distinctShare(texts, 2), distinctShare(texts, 3)],
    moving_ttr: words.length < WINDOW ? null : movingRatio(words),
    mtld: words.length < FEWEST_WORDS ? null : mtld(words),
    compression_ratio: bytes.length === 0 ? null : bytes.length / deflateSync(bytes, { level: 6 }).length,
  };
}

/** Different runs of n words to all of them; runs do not go from text to text. */
function distinctShare(texts: readonly string[], n: number): number {
  const runs = new Set<string>();
  let [all, read] = [0, 0];
  for (const text of texts) {
    const words = wordsOf(text).slice(0, DISTINCT_WORDS - read);
    read += words.length;
    for (let at = 0; at + n <= words.length; at++) {
      runs.add(words.slice(at, at + n).join(" "));
      all += 1;
    }
    if (read >= DISTINCT_WORDS) break;
  }
  return all === 0 ? 0 : runs.size / all;
}

function movingRatio(words: readonly string[]): number {
  const counts = new Map<string, number>();
  let sum = 0;
  for (const [at, word] of words.entries()) {
    counts.set(word, (counts.get(word) ?? 0) + 1);
    if (at >= WINDOW) {
      const old = words[at - WINDOW]!;
      const left = counts.get(old)! - 1;
      if (left === 0) counts.delete(old);
      else counts.set(old, left);
    }
    if (at >= WINDOW - 1) sum += counts.size / WINDOW;
  }
  return sum / (words.length - WINDOW + 1);
}

/** The mean of both directions. */
export function mtld(words: readonly string[]): number {
  return (factorLength(words) + factorLength(words.toReversed())) / 2;
}

/** Words to factors: a factor ends where the ratio falls to the threshold, and the rest counts by how far it has fallen. */
function factorLength(words: readonly string[]): number {
  const types = new Set<string>();
  let [factors, count, ratio] = [0, 0, 1];
  for (const word of words) {
    types.add(word);
    count += 1;
    ratio = types.size / count;
    if (ratio > MTLD_THRESHOLD) continue;
    factors += 1;
    types.clear();
    [count, ratio] = [0, 1];
  }
  if (count > 0) factors += (1 - ratio) / (1 - MTLD_THRESHOLD);
  return factors === 0 ? words.length : words.length / factors;
}
