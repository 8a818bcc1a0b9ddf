/**
 * How much of each text the others also say: the mean BLEU-4 of each against all others as references (Zhu et al., 2018). 0 where no
 * text shares a run of words with another, 1 where all are the same.
 */
import { wordsOf } from "./lexical.ts";

const ORDER = 4;
const MOST_WORDS = 256;
/** Stands for a count of 0, as the first smoothing of Chen and Cherry, 2014. */
const EPSILON = 0.1;

/** The two largest counts of a run in any text: what the others have at most, whichever text is left out. */
interface Most {
  count: number;
  text: number;
  second: number;
}

/** null for fewer than two texts with words. */
export function selfBleu(texts: readonly string[]): number | null {
  const read = texts.map((text) => wordsOf(text).slice(0, MOST_WORDS)).filter((words) => words.length > 0);
  if (read.length < 2) return null;
  const counts = read.map((words) => Array.from({ length: ORDER }, (_, n) => runCounts(words, n + 1)));
  const most = Array.from({ length: ORDER }, () => new Map<string, Most>());
  for (const [text, orders] of counts.entries()) {
    for (const [n, runs] of orders.entries()) for (const [run, count] of runs) note(most[n]!, run, count, text);
  }
  const lengths = read.map(({ length }) => length);
  const scores = read.map((words, text) => {
    const logs = counts[text]!.map((runs, n) => {
      let [shared, all] = [0, 0];
      for (const [run, count] of runs) {
        const { count: first, text: owner, second } = most[n]!.get(run)!;
        shared += Math.min(count, owner === text ? second : first);
        all += count;
      }
      return Math.log((shared === 0 ? EPSILON : shared) / Math.max(1, all));
    });
    // A text that shares no word shares nothing, whatever smoothing says.
    const firstOrder = Math.exp(logs[0]!) * words.length;
    if (firstOrder < 1) return 0;
    return brevity(words.length, closest(lengths, text)) * Math.exp(logs.reduce((sum, log) => sum + log / ORDER, 0));
  });
  return scores.reduce((sum, score) => sum + score, 0) / scores.length;
}

function runCounts(words: readonly string[], n: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let at = 0; at + n <= words.length; at++) {
    const run = words.slice(at, at + n).join(" ");
    counts.set(run, (counts.get(run) ?? 0) + 1);
  }
  return counts;
}

function note(most: Map<string, Most>, run: string, count: number, text: number): void {
  const known = most.get(run);
  if (known === undefined) most.set(run, { count, text, second: 0 });
  else if (count > known.count) most.set(run, { count, text, second: known.count });
  else known.second = Math.max(known.second, count);
}

/** The length of another text that is nearest to this one's, the shorter of two that are. */
function closest(lengths: readonly number[], text: number): number {
  const own = lengths[text]!;
  let best: number | undefined;
  for (const [at, length] of lengths.entries()) {
    if (at === text) continue;
    const [gap, least] = [Math.abs(length - own), best === undefined ? Number.POSITIVE_INFINITY : Math.abs(best - own)];
    if (gap < least || (gap === least && length < best!)) best = length;
  }
  return best!;
}

const brevity = (length: number, reference: number) => (length > reference ? 1 : Math.exp(1 - reference / length));
