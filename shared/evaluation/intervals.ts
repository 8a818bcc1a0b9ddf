/** Shares and means with the intervals in which they lie with a probability of 95 %. */

/** A measured number; the ends are null where nothing can be said about how much it varies. */
export interface Estimate {
  readonly value: number;
  readonly low: number | null;
  readonly high: number | null;
  readonly n: number;
}

/** The 97.5 % quantile of the standard normal distribution. */
const Z = 1.959963984540054;

/**
 * The share of n trials that were right, with Wilson's score interval ("Probable inference, the law of succession, and statistical
 * inference", 1927), which stays within [0, 1] and is honest for few trials. `right` may count ties by halves.
 *
 * @returns null without trials
 */
export function shareOf(right: number, n: number): Estimate | null {
  if (n === 0) return null;
  const value = right / n;
  const square = Z ** 2;
  const centre = (value + square / (2 * n)) / (1 + square / n);
  const half = (Z / (1 + square / n)) * Math.sqrt((value * (1 - value)) / n + square / (4 * n * n));
  // At 0 and 1 the ends meet the value, but for rounding.
  const [low, high] = [value === 0 ? 0 : Math.max(0, centre - half), value === 1 ? 1 : Math.min(1, centre + half)];
  return { value, low, high, n };
}

/**
 * The mean with Student's interval.
 *
 * @returns null without values
 */
export function meanOf(values: readonly number[]): Estimate | null {
  const n = values.length;
  if (n === 0) return null;
  const value = values.reduce((sum, one) => sum + one, 0) / n;
  if (n === 1) return { value, low: null, high: null, n };
  const variance = values.reduce((sum, one) => sum + (one - value) ** 2, 0) / (n - 1);
  const half = studentQuantile(n - 1) * Math.sqrt(variance / n);
  return { value, low: value - half, high: value + half, n };
}

/**
 * How much a share has changed on the same items, which were right (1), wrong (0) or in between before and after. The interval is that
 * of Agresti and Min ("Simple improved confidence intervals for comparing matched proportions", 2005), which counts two items more,
 * half of one in each of the four cases: where nothing has changed, it still says how much could have.
 *
 * @returns null without items
 */
export function shareChangeOf(before: readonly number[], after: readonly number[]): Estimate | null {
  const n = after.length;
  if (n === 0) return null;
  const differences = after.map((value, index) => value - before[index]!);
  const sum = differences.reduce((total, one) => total + one, 0);
  const squares = differences.reduce((total, one) => total + one ** 2, 0) + 1;
  const centre = sum / (n + 2);
  const half = (Z * Math.sqrt(squares - sum ** 2 / (n + 2))) / (n + 2);
  return { value: sum / n, low: Math.max(-1, centre - half), high: Math.min(1, centre + half), n };
}

/** How much the mean of paired values has changed, with Student's interval of the differences; null without pairs. */
export function changeOf(before: readonly number[], after: readonly number[]): Estimate | null {
  return meanOf(after.map((value, index) => value - before[index]!));
}

/** Exact, since the expansion below is not good enough for so few. */
const FIRST_QUANTILES = [12.706204736, 4.30265273, 3.182446305, 2.776445105, 2.570581836] as const;

/**
 * The 97.5 % quantile of Student's distribution: the expansion of Cornish and Fisher in 1/ν (Abramowitz and Stegun, 26.7.5), whose
 * error from ν = 6 is below 2e-4.
 */
export function studentQuantile(degrees: number): number {
  const exact = FIRST_QUANTILES[degrees - 1];
  if (exact !== undefined) return exact;
  const terms = [
    Z,
    (Z ** 3 + Z) / 4,
    (5 * Z ** 5 + 16 * Z ** 3 + 3 * Z) / 96,
    (3 * Z ** 7 + 19 * Z ** 5 + 17 * Z ** 3 - 15 * Z) / 384,
    (79 * Z ** 9 + 776 * Z ** 7 + 1482 * Z ** 5 - 1920 * Z ** 3 - 945 * Z) / 92160,
  ];
  return terms.reduce((sum, term, power) => sum + term / degrees ** power, 0);
}
