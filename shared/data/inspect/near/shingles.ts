/** A text as the set of its runs of words, and how much two such sets share. */
import { mixed } from "./words.ts";

/** Words of a run: long enough that two texts on one subject share few, short enough that one word's change leaves most. */
export const SHINGLE_WORDS = 3;

/** Runs that are kept of a text: the sets of shorter texts are compared exactly, those of longer ones within about 0.03. */
export const SKETCH_SIZE = 256;

/** The hashes of all runs of words, the smallest first, each once; a text shorter than a run is one run. */
export function shingles(words: Uint32Array): Uint32Array {
  if (words.length === 0) return new Uint32Array(0);
  const count = Math.max(1, words.length - SHINGLE_WORDS + 1);
  const runs = new Uint32Array(count);
  for (let at = 0; at < count; at++) {
    let hash = 0x9747b28c;
    for (let k = at; k < Math.min(at + SHINGLE_WORDS, words.length); k++) {
      hash = Math.imul(hash ^ words[k]!, 0x85ebca6b);
      hash = (hash << 13) | (hash >>> 19);
    }
    runs[at] = mixed(hash);
  }
  runs.sort();
  let distinct = 0;
  for (let at = 0; at < count; at++) if (at === 0 || runs[at] !== runs[at - 1]) runs[distinct++] = runs[at]!;
  return runs.subarray(0, distinct);
}

/** Where a sketch stands in the memory that holds all. */
export interface SketchPlace {
  readonly start: number;
  readonly end: number;
}

/**
 * The Jaccard similarity of two sets, |A ∩ B| / |A ∪ B|, from their smallest hashes in order: the smallest of the union are a
 * uniform sample of it, and every one of them that is in both sets is in both sketches (Beyer et al., 2007).
 */
export function jaccard(pool: Uint32Array, a: SketchPlace, b: SketchPlace): number {
  let [i, j, union, both] = [a.start, b.start, 0, 0];
  while ((i < a.end || j < b.end) && union < SKETCH_SIZE) {
    const left = i < a.end ? pool[i]! : Number.POSITIVE_INFINITY;
    const right = j < b.end ? pool[j]! : Number.POSITIVE_INFINITY;
    if (left === right) both += 1;
    if (left <= right) i += 1;
    if (right <= left) j += 1;
    union += 1;
  }
  return union === 0 ? 0 : both / union;
}
