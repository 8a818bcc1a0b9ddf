/**
 * Finds texts that are nearly the same among many: within one file, and between it and files that are held out. Candidates come
 * from bands of MinHash; each is then compared by what it shares, so that no pair is reported that is not similar.
 */
import { type BandShape, bandShape, writeBands } from "./bands.ts";
import { Buckets } from "./buckets.ts";
import { Clusters } from "./clusters.ts";
import { GrowingArray } from "./growing-array.ts";
import { jaccard, SKETCH_SIZE, type SketchPlace, shingles } from "./shingles.ts";
import { WordHashes } from "./words.ts";

export interface NearOptions {
  /** The Jaccard similarity of runs of three words from which two texts are near copies: 0.5 to 1. */
  readonly similarity: number;
  /** Bytes that what is remembered of the texts may take; those that come later are not compared. */
  readonly maxBytes: number;
}

export interface NearPair {
  /** What the two texts are called. Of two of the file, the earlier one is `other`; else `other` is held out. */
  readonly id: number;
  readonly other: number;
  readonly similarity: number;
}

export interface NearCopies {
  /** So many that they connect each cluster. */
  readonly pairs: readonly NearPair[];
  /** The file's texts that are connected by pairs. */
  readonly clusters: readonly (readonly number[])[];
  /** Of each text of the file that is like a held-out one, the most similar that was found. */
  readonly heldOut: readonly NearPair[];
}

/** Texts of one bucket that another is compared with, and that are passed over on the way: a bucket that many share says little. */
const MOST_COMPARED = 24;
const MOST_PASSED = 256;
const WORK_BETWEEN_PAUSES = 5_000;

export class NearCopyIndex {
  readonly #options: NearOptions;
  readonly #shape: BandShape;
  readonly #words = new WordHashes();
  /** The sketches one after the other, and where each ends. */
  readonly #sketches = new GrowingArray();
  readonly #ends = new GrowingArray();
  readonly #keys = new GrowingArray();
  readonly #ids: number[] = [];
  readonly #heldOut: boolean[] = [];

  constructor(options: NearOptions) {
    this.#options = options;
    this.#shape = bandShape(options.similarity);
  }

  /** Texts that are compared. */
  get size(): number {
    return this.#ids.length;
  }

  /**
   * @param id what pairs call the text
   * @param heldOut whether it is of a held-out file, which is compared with the other texts and not within itself
   * @returns whether it is compared: not a text without a word, nor one for which no memory is left
   */
  add(id: number, text: string, heldOut = false): boolean {
    const set = shingles(this.#words.of(text));
    const { bands } = this.#shape;
    const kept = Math.min(set.length, SKETCH_SIZE);
    const bytes = this.#sketches.bytes + this.#keys.bytes + this.#ends.bytes + 4 * (kept + bands + 1);
    if (set.length === 0 || bytes > this.#options.maxBytes) return false;
    this.#sketches.append(set.subarray(0, kept));
    this.#ends.append([this.#sketches.length]);
    writeBands(set, this.#shape, this.#keys.extend(bands), this.#keys.length - bands);
    this.#ids.push(id);
    this.#heldOut.push(heldOut);
    return true;
  }

  /** @param pause awaited now and then, since comparing many texts blocks the thread */
  async find(pause: () => Promise<void>): Promise<NearCopies> {
    const search = new Search(this.#options.similarity, (at) => this.#place(at), this.#sketches.data);
    const size = this.size;
    const clusters = new Clusters(size);
    const pairs: NearPair[] = [];
    const heldOut = new Map<number, NearPair>();
    const [own, held] = [new Buckets(size), new Buckets(size)];
    const { bands } = this.#shape;
    for (let band = 0; band < bands; band++) {
      own.clear();
      held.clear();
      const keyOf = (at: number) => this.#keys.data[at * bands + band]!;
      for (let at = 0; at < size; at++) if (this.#heldOut[at]) held.add(at, keyOf(at));
      for (let at = 0; at < size; at++) {
        if (this.#heldOut[at]) continue;
        search.walk(own, at, keyOf, {
          skip: (other) => clusters.first(other) === clusters.first(at),
          found: (other, similarity) => {
            clusters.join(at, other);
            pairs.push({ id: this.#ids[at]!, other: this.#ids[other]!, similarity });
          },
        });
        search.walk(held, at, keyOf, {
          skip: () => false,
          found: (other, similarity) => {
            if (similarity <= (heldOut.get(at)?.similarity ?? 0)) return;
            heldOut.set(at, { id: this.#ids[at]!, other: this.#ids[other]!, similarity });
          },
        });
        own.add(at, keyOf(at));
        if (search.work >= WORK_BETWEEN_PAUSES) {
          search.work = 0;
          await pause();
        }
      }
    }
    const named = clusters.groups.map((group) => group.map((at) => this.#ids[at]!));
    return { pairs: pairs.sort((a, b) => a.id - b.id), clusters: named, heldOut: [...heldOut.values()] };
  }

  #place(at: number): SketchPlace {
    return { start: at === 0 ? 0 : this.#ends.data[at - 1]!, end: this.#ends.data[at]! };
  }
}

interface Walk {
  /** Whether the other text need not be compared. */
  skip(other: number): boolean;
  found(other: number, similarity: number): void;
}

class Search {
  /** Steps since it was last set to 0. */
  work = 0;
  readonly #similarity: number;
  readonly #place: (at: number) => SketchPlace;
  readonly #pool: Uint32Array;

  constructor(similarity: number, place: (at: number) => SketchPlace, pool: Uint32Array) {
    this.#similarity = similarity;
    this.#place = place;
    this.#pool = pool;
  }

  /** Compares a text with those of its bucket. */
  walk(buckets: Buckets, at: number, keyOf: (at: number) => number, { skip, found }: Walk): void {
    const key = keyOf(at);
    const place = this.#place(at);
    this.work += 1;
    for (
      let [other, passed, compared] = [buckets.latest(key), 0, 0];
      other >= 0 && passed < MOST_PASSED && compared < MOST_COMPARED;
      other = buckets.before(other), passed++
    ) {
      this.work += 1;
      if (keyOf(other) !== key || skip(other)) continue;
      const similarity = jaccard(this.#pool, place, this.#place(other));
      compared += 1;
      this.work += 8;
      if (similarity >= this.#similarity) found(other, similarity);
    }
  }
}
