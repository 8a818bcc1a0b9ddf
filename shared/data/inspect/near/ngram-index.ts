/**
 * Which lines share a run of 13 words with a held-out line, as GPT-3's authors looked for contamination (Brown et al., 2020,
 * appendix C). Runs that are in more than ten lines are boilerplate, such as a template's words, and say nothing.
 */
import { mixed, WordHashes } from "./words.ts";

export const NGRAM_WORDS = 13;
const MOST_LINES = 10;
/** Runs that one line's report may rest on. */
const MOST_OF_LINE = 16;

export interface NgramHit {
  readonly line: number;
  /** What the held-out line is called. */
  readonly heldOut: number;
  /** Runs of the line that are in a held-out one, of all its runs. */
  readonly share: number;
}

interface FoundLine {
  readonly line: number;
  readonly share: number;
  readonly slots: readonly number[];
}

export class NgramIndex {
  readonly #words = new WordHashes();
  readonly #most: number;
  /** An open table of 64-bit hashes: two halves, the line that had it last, and in how many held-out lines it is. */
  #low = new Uint32Array(1 << 12);
  #high = new Uint32Array(1 << 12);
  #owner = new Int32Array(1 << 12);
  #lines = new Uint8Array(1 << 12);
  #size = 0;
  #whole = true;
  /** In how many of the file's lines a held-out run is, by its slot. */
  readonly #seen = new Map<number, number>();
  readonly #found: FoundLine[] = [];

  /** @param most runs that are remembered; further ones are not looked for */
  constructor(most: number) {
    this.#most = most;
  }

  /** Whether all held-out runs are looked for. */
  get isWhole(): boolean {
    return this.#whole;
  }

  /** All held-out lines come before the file's. */
  addHeldOut(heldOut: number, text: string): void {
    for (const [low, high] of runsOf(this.#words.of(text))) {
      if (2 * this.#size >= this.#low.length) this.#grow();
      const slot = this.#slotOf(low, high);
      if (this.#owner[slot] === heldOut + 1) continue;
      if (this.#owner[slot] === 0) {
        if (this.#size >= this.#most) {
          this.#whole = false;
          continue;
        }
        this.#size += 1;
        this.#low[slot] = low;
        this.#high[slot] = high;
      }
      this.#owner[slot] = heldOut + 1;
      if (this.#lines[slot]! < 255) this.#lines[slot]! += 1;
    }
  }

  add(line: number, text: string): void {
    if (this.#size === 0) return;
    const slots = new Set<number>();
    let [runs, shared] = [0, 0];
    for (const [low, high] of runsOf(this.#words.of(text))) {
      runs += 1;
      const slot = this.#slotOf(low, high);
      if (this.#owner[slot] === 0) continue;
      shared += 1;
      if (slots.has(slot)) continue;
      slots.add(slot);
      this.#seen.set(slot, (this.#seen.get(slot) ?? 0) + 1);
    }
    if (shared === 0) return;
    const rare = [...slots].filter((slot) => !this.#isBoilerplate(slot)).slice(0, MOST_OF_LINE);
    if (rare.length > 0) this.#found.push({ line, share: shared / runs, slots: rare });
  }

  get hits(): NgramHit[] {
    return this.#found.flatMap(({ line, share, slots }) => {
      const slot = slots.find((each) => !this.#isBoilerplate(each));
      return slot === undefined ? [] : [{ line, share, heldOut: this.#owner[slot]! - 1 }];
    });
  }

  #isBoilerplate(slot: number): boolean {
    return this.#lines[slot]! > MOST_LINES || (this.#seen.get(slot) ?? 0) > MOST_LINES;
  }

  /** The slot that holds the hash, or the free one where it would stand. */
  #slotOf(low: number, high: number): number {
    const mask = this.#low.length - 1;
    let slot = (low ^ (high << 7)) & mask;
    while (this.#owner[slot] !== 0 && (this.#low[slot] !== low || this.#high[slot] !== high)) slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    const [low, high, owner, lines] = [this.#low, this.#high, this.#owner, this.#lines];
    const length = 2 * low.length;
    this.#low = new Uint32Array(length);
    this.#high = new Uint32Array(length);
    this.#owner = new Int32Array(length);
    this.#lines = new Uint8Array(length);
    for (let at = 0; at < low.length; at++) {
      if (owner[at] === 0) continue;
      const slot = this.#slotOf(low[at]!, high[at]!);
      this.#low[slot] = low[at]!;
      this.#high[slot] = high[at]!;
      this.#owner[slot] = owner[at]!;
      this.#lines[slot] = lines[at]!;
    }
  }
}

const [BASE_LOW, BASE_HIGH] = [0x01000193, 0x85ebca6b];
const power = (base: number) => Array.from({ length: NGRAM_WORDS }).reduce<number>((all) => Math.imul(all, base), 1);
const [OLDEST_LOW, OLDEST_HIGH] = [power(BASE_LOW), power(BASE_HIGH)];

/** The two halves of each run's hash, from polynomials that roll on from word to word. */
function* runsOf(words: Uint32Array): Generator<readonly [low: number, high: number]> {
  let [low, high] = [0, 0];
  for (let at = 0; at < words.length; at++) {
    low = (Math.imul(low, BASE_LOW) + words[at]!) | 0;
    high = (Math.imul(high, BASE_HIGH) + words[at]!) | 0;
    if (at >= NGRAM_WORDS) {
      low = (low - Math.imul(OLDEST_LOW, words[at - NGRAM_WORDS]!)) | 0;
      high = (high - Math.imul(OLDEST_HIGH, words[at - NGRAM_WORDS]!)) | 0;
    }
    if (at >= NGRAM_WORDS - 1) yield [mixed(low), mixed(high)];
  }
}
