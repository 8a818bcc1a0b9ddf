import { comparableWords, rougeLOfWords } from "../graders/text/rouge.ts";
import { normalized } from "./words.ts";

/** Words of a text that are compared with another's: a long document must not take the whole job's time. */
export const COMPARED_WORDS = 2_000;

/** The words of a text that ROUGE-L compares. */
export function comparedWords(text: string): readonly string[] {
  return comparableWords(text).slice(0, COMPARED_WORDS);
}

/** Where a word stands: the places of texts, and how often it is in each. */
interface Posting {
  readonly texts: number[];
  readonly counts: number[];
}

/** The instructions that new ones are compared with. Adding one changes the pool. */
export class Pool {
  readonly #texts: { readonly text: string; readonly words: readonly string[] }[] = [];
  readonly #known = new Set<string>();
  readonly #postings = new Map<string, Posting>();

  get size(): number {
    return this.#texts.length;
  }

  add(text: string): void {
    const words = comparedWords(text);
    const place = this.#texts.push({ text, words }) - 1;
    this.#known.add(normalized(text));
    for (const [word, count] of countsOf(words)) {
      const posting = this.#postings.get(word) ?? { texts: [], counts: [] };
      this.#postings.set(word, posting);
      posting.texts.push(place);
      posting.counts.push(count);
    }
  }

  /** Whether the same words are there in the same order. */
  has(text: string): boolean {
    return this.#known.has(normalized(text));
  }

  /**
   * The greatest ROUGE-L of the text with one of the pool, as far as it is above `floor`: those that cannot reach it are not compared.
   */
  closest(text: string, floor: number): { readonly score: number; readonly text: string } | null {
    const words = comparedWords(text);
    let best: { score: number; text: string } | null = null;
    for (const { place, most } of this.#candidates(words, floor)) {
      if (most <= (best?.score ?? floor)) break;
      const other = this.#texts[place]!;
      const score = rougeLOfWords(words, other.words);
      if (score > (best?.score ?? floor)) best = { score, text: other.text };
    }
    return best;
  }

  /** The texts that can be above the floor, with what they can reach at most: a common subsequence has no more than the words of both. */
  #candidates(words: readonly string[], floor: number): { readonly place: number; readonly most: number }[] {
    const shared = new Map<number, number>();
    for (const [word, count] of countsOf(words)) {
      const { texts, counts } = this.#postings.get(word) ?? { texts: [], counts: [] };
      for (const [at, place] of texts.entries()) {
        shared.set(place, (shared.get(place) ?? 0) + Math.min(count, counts[at]!));
      }
    }
    const found: { place: number; most: number }[] = [];
    for (const [place, count] of shared) {
      const most = (2 * count) / (words.length + this.#texts[place]!.words.length);
      // Rounding must not leave out what the comparison itself would find.
      if (most > floor - 1e-9) found.push({ place, most: most + 1e-9 });
    }
    return found.sort((a, b) => b.most - a.most || a.place - b.place);
  }
}

function countsOf(words: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}
