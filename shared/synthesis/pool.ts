import { rougeL } from "../graders/text/rouge.ts";
import { normalized, wordsOf } from "./words.ts";

/** The instructions that new ones are compared with. Adding one changes the pool. */
export class Pool {
  readonly #texts: { readonly text: string; readonly words: number }[] = [];
  readonly #known = new Set<string>();

  get size(): number {
    return this.#texts.length;
  }

  add(text: string): void {
    this.#texts.push({ text, words: wordsOf(text).length });
    this.#known.add(normalized(text));
  }

  /** Whether the same words are there in the same order. */
  has(text: string): boolean {
    return this.#known.has(normalized(text));
  }

  /**
   * The greatest ROUGE-L of the text with one of the pool, as far as it is above `floor`: those that cannot reach it are not compared.
   */
  closest(text: string, floor: number): { readonly score: number; readonly text: string } | null {
    const words = wordsOf(text).length;
    let best: { score: number; text: string } | null = null;
    for (const other of this.#texts) {
      const [less, more] = words < other.words ? [words, other.words] : [other.words, words];
      // An F-measure is at most that of the shorter text inside the longer one.
      const most = less + more === 0 ? 0 : (2 * less) / (less + more);
      if (most <= Math.max(floor, best?.score ?? 0)) continue;
      const score = rougeL(text, other.text);
      if (score > Math.max(floor, best?.score ?? 0)) best = { score, text: other.text };
    }
    return best;
  }
}
