/** Sizes of graphs: few enough that programs are reused, close enough that little is padded. */

/** The least power of two that is not below `count`. */
export function countBucket(count: number): number {
  let bucket = 1;
  while (bucket < count) bucket *= 2;
  return bucket;
}

/** The next size in steps that grow with it: 1, 2, 3, 4, 6, 8, 12, 16, 24, … */
export function lengthBucket(length: number): number {
  if (length <= 4) return Math.max(1, length);
  let bucket = 4;
  for (;;) {
    if (length <= bucket) return bucket;
    if (length <= bucket * 1.5) return bucket * 1.5;
    bucket *= 2;
  }
}

/** Places of a graph that searches the values of so many facts: finer steps where a place takes longer than to make another program. */
export const slotsFor = (facts: number) => (facts < 8 ? countBucket(facts) : lengthBucket(facts));

/** Tokens of each row of such a graph: of many facts, padding would take longer than to make a program of just that size. */
export const tokensFor = (slots: number, tokens: number) => (slots < 16 ? lengthBucket(tokens) : tokens);

/** Splits items into runs of at most `most`. */
export function chunks<T>(items: readonly T[], most: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / most) }, (_, i) => items.slice(i * most, (i + 1) * most));
}
