import { known, type Statistic, unknown } from "./statistic.ts";

/** A share with its confidence interval. */
export interface Proportion extends Statistic {
  /** Wilson's interval; null where there is no value. Wilson 1927. */
  readonly interval: readonly [low: number, high: number] | null;
}

/** The quantile of the normal distribution for 95 %. */
export const Z95 = 1.959963984540054;

/** `hits` of `n`; hits may be halves, as ties count. */
export function proportion(hits: number, n: number, z: number = Z95): Proportion {
  if (n === 0) return { ...unknown("nothing was counted", 0), interval: null };
  const share = hits / n;
  const spread = z * z;
  const middle = (share + spread / (2 * n)) / (1 + spread / n);
  const half = (z / (1 + spread / n)) * Math.sqrt((share * (1 - share)) / n + spread / (4 * n * n));
  return { ...known(share, n), interval: [Math.max(0, middle - half), Math.min(1, middle + half)] };
}
