/**
 * What a file says twice, and what it has in common with files that are held out of training: exact and near copies, equal
 * prompts with other answers, and long runs of words.
 */
import { textKey } from "../../formats/text-key.ts";
import type { LineTexts } from "./line-texts.ts";
import { NearCopyIndex, type NearPair } from "./near/near-copies.ts";
import { NgramIndex } from "./near/ngram-index.ts";

export interface CopyOptions {
  /** The Jaccard similarity of runs of three words from which two lines are near copies. */
  readonly similarity: number;
  /** Bytes that near copies and runs of words may take: what comes later is compared for exact copies alone. */
  readonly maxBytes: number;
}

/** How a line of the file and a held-out one are alike, the most telling first. */
export const OVERLAP_KINDS = ["exact", "near", "ngrams", "prompt"] as const;
export type OverlapKind = (typeof OVERLAP_KINDS)[number];

export interface LinePair {
  readonly line: number;
  readonly earlier_line: number;
}

export interface Overlap {
  readonly line: number;
  /** The place of the held-out file among those that were given. */
  readonly file: number;
  readonly other_line: number;
  readonly kind: OverlapKind;
  /** Of near copies their Jaccard similarity, of `ngrams` the share of the line's runs of words; 1 for equal ones. */
  readonly similarity: number;
}

export interface CopiesFound {
  readonly lines: number;
  /** Lines that were compared for near copies. */
  readonly compared: number;
  /** Whether all were, and all runs of words were looked for. */
  readonly complete: boolean;
  /** Lines that an earlier one says word for word. */
  readonly exact: readonly LinePair[];
  /** Pairs of different lines that are nearly the same; they connect the clusters. */
  readonly near: readonly (LinePair & { readonly similarity: number })[];
  readonly clusters: readonly (readonly number[])[];
  /** Lines that ask what an earlier one asks, and are answered otherwise. */
  readonly prompts: readonly LinePair[];
  /** At most one for each line of the file: the most telling. */
  readonly overlaps: readonly Overlap[];
}

interface HeldOutLine {
  readonly file: number;
  readonly line: number;
}

/** Characters of a line that are compared for near copies and runs of words: what one line may take of the thread's time. */
const MOST_CHARACTERS = 1_000_000;

/** Of `maxBytes`, what runs of words may take; an entry of their table takes about this much. */
const NGRAM_PART = 0.25;
const NGRAM_BYTES = 32;

/** Compares the lines of a file one by one, after those that are held out. */
export class Copies {
  readonly #near: NearCopyIndex;
  readonly #ngrams: NgramIndex;
  readonly #heldOut: HeldOutLine[] = [];
  readonly #heldOutKeys = new Map<string, number>();
  readonly #heldOutPrompts = new Map<string, number>();
  readonly #keys = new Map<string, number>();
  readonly #prompts = new Map<string, number>();
  readonly #exact: LinePair[] = [];
  readonly #sharedPrompts: LinePair[] = [];
  readonly #overlaps = new Map<number, Overlap>();
  #lines = 0;
  #compared = 0;
  #whole = true;

  constructor({ similarity, maxBytes }: CopyOptions) {
    this.#near = new NearCopyIndex({ similarity, maxBytes: maxBytes * (1 - NGRAM_PART) });
    this.#ngrams = new NgramIndex(Math.floor((maxBytes * NGRAM_PART) / NGRAM_BYTES));
  }

  /** A line of a held-out file; all of them come first. */
  addHeldOut(file: number, { line, key, prompt, content }: LineTexts): void {
    const id = this.#heldOut.length;
    this.#heldOut.push({ file, line });
    const text = textKey(key);
    if (this.#heldOutKeys.has(text)) return;
    this.#heldOutKeys.set(text, id);
    if (prompt !== "") setFirst(this.#heldOutPrompts, textKey(prompt), id);
    const compared = content.slice(0, MOST_CHARACTERS);
    if (!this.#near.add(id, compared, true)) this.#whole &&= content === "";
    this.#ngrams.addHeldOut(id, compared);
  }

  add({ line, key, prompt, content }: LineTexts): void {
    this.#lines += 1;
    const [text, asked] = [textKey(key), prompt === "" ? undefined : textKey(prompt)];
    const before = this.#keys.get(text);
    if (before !== undefined) this.#exact.push({ line, earlier_line: before });
    else this.#keys.set(text, line);
    const copied = this.#heldOutKeys.get(text);
    if (copied !== undefined) this.#overlap(line, copied, "exact", 1);
    if (asked !== undefined) {
      const answered = this.#prompts.get(asked);
      if (answered === undefined) this.#prompts.set(asked, line);
      else if (before === undefined) this.#sharedPrompts.push({ line, earlier_line: answered });
      const alike = this.#heldOutPrompts.get(asked);
      if (alike !== undefined) this.#overlap(line, alike, "prompt", 1);
    }
    if (before !== undefined) {
      this.#compared += 1;
      return;
    }
    const compared = content.slice(0, MOST_CHARACTERS);
    if (this.#near.add(line, compared)) this.#compared += 1;
    else this.#whole &&= content === "";
    this.#ngrams.add(line, compared);
  }

  /** @param pause awaited now and then, since comparing many lines blocks the thread */
  async find(pause: () => Promise<void>): Promise<CopiesFound> {
    const { pairs, clusters, heldOut } = await this.#near.find(pause);
    for (const { id, other, similarity } of heldOut) this.#overlap(id, other, "near", similarity);
    for (const { line, heldOut: other, share } of this.#ngrams.hits) this.#overlap(line, other, "ngrams", share);
    // A copy overlaps with what the line that it repeats overlaps with.
    for (const { line, earlier_line: earlier } of this.#exact) {
      const overlap = this.#overlaps.get(earlier);
      if (overlap !== undefined) this.#overlaps.set(line, { ...overlap, line });
    }
    const sorted = [...this.#overlaps.values()].sort((a, b) => a.line - b.line);
    return {
      lines: this.#lines,
      compared: this.#compared,
      complete: this.#whole && this.#ngrams.isWhole,
      exact: this.#exact,
      near: pairs.map(inFile),
      clusters,
      prompts: this.#sharedPrompts,
      overlaps: sorted,
    };
  }

  #overlap(line: number, heldOut: number, kind: OverlapKind, similarity: number): void {
    const known = this.#overlaps.get(line);
    if (known !== undefined && OVERLAP_KINDS.indexOf(known.kind) <= OVERLAP_KINDS.indexOf(kind)) return;
    const { file, line: other } = this.#heldOut[heldOut]!;
    this.#overlaps.set(line, { line, file, other_line: other, kind, similarity });
  }
}

const inFile = ({ id, other, similarity }: NearPair) => ({ line: id, earlier_line: other, similarity });

function setFirst<K, V>(map: Map<K, V>, key: K, value: V): void {
  if (!map.has(key)) map.set(key, value);
}
