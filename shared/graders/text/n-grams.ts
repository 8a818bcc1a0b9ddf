import type { Numbered } from "./words.ts";

/** How many n-grams two texts have, and how many occurrences they share. */
export interface Overlap {
  readonly a: number;
  readonly b: number;
  /** Σ over n-grams of the smaller of its two counts. */
  readonly shared: number;
}

/** The n-grams of one order that two texts share. */
export function overlap({ a, b }: Numbered, n: number): Overlap {
  const counts = new Map<string, number>();
  for (const gram of grams(a, n)) counts.set(gram, (counts.get(gram) ?? 0) + 1);
  let shared = 0;
  for (const gram of grams(b, n)) {
    const left = counts.get(gram) ?? 0;
    if (left === 0) continue;
    counts.set(gram, left - 1);
    shared++;
  }
  return { a: Math.max(0, a.length - n + 1), b: Math.max(0, b.length - n + 1), shared };
}

function* grams(ids: Int32Array, n: number): Generator<string, void> {
  for (let i = 0; i + n <= ids.length; i++) yield ids.subarray(i, i + n).join(" ");
}
