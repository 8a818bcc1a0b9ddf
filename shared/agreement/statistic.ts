/** A statistic that may be undefined, in which case it is null and says why: never NaN, and never a number that means nothing. */
export interface Statistic {
  readonly value: number | null;
  /** What it was computed from; each function says what it counts. */
  readonly n: number;
  /** Why there is no value; absent where there is one. */
  readonly reason?: string;
}

export function known(value: number, n: number): Statistic {
  return Number.isFinite(value) ? { value, n } : unknown("the numbers are too large to compute with", n);
}

export function unknown(reason: string, n: number): Statistic {
  return { value: null, n, reason };
}
