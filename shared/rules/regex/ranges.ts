/** Sets of Unicode code points, without surrogates: ascending, disjoint ranges that do not touch, as lo, hi, lo, hi, … */
export type Ranges = readonly number[];

/** Every code point that UTF-8 can write. */
export const ALL: Ranges = [0, 0xd7ff, 0xe000, 0x10ffff];

export const single = (codePoint: number): Ranges => normalised([codePoint, codePoint]);

/** The union of any ranges lo, hi, lo, hi, …, in any order. */
export function normalised(pairs: readonly number[]): Ranges {
  const sorted: [number, number][] = [];
  for (let i = 0; i < pairs.length; i += 2) sorted.push([pairs[i]!, pairs[i + 1]!]);
  sorted.sort((a, b) => a[0] - b[0]);
  const joined: number[] = [];
  for (const [lo, hi] of sorted) {
    if (joined.length > 0 && lo <= joined.at(-1)! + 1) joined[joined.length - 1] = Math.max(joined.at(-1)!, hi);
    else joined.push(lo, hi);
  }
  return intersection(joined, ALL);
}

export function intersection(a: Ranges, b: Ranges): Ranges {
  const common: number[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const lo = Math.max(a[i]!, b[j]!);
    const hi = Math.min(a[i + 1]!, b[j + 1]!);
    if (lo <= hi) common.push(lo, hi);
    if (a[i + 1]! < b[j + 1]!) i += 2;
    else j += 2;
  }
  return common;
}

export function complement(ranges: Ranges): Ranges {
  const gaps: number[] = [];
  let next = 0;
  for (let i = 0; i < ranges.length; i += 2) {
    if (ranges[i]! > next) gaps.push(next, ranges[i]! - 1);
    next = ranges[i + 1]! + 1;
  }
  if (next <= 0x10ffff) gaps.push(next, 0x10ffff);
  return intersection(gaps, ALL);
}
