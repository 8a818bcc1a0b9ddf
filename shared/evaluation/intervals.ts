/** Shares and means with the intervals in which they lie with a probability of 95 %. */

/** A measured number; the ends are null where nothing can be said about how much it varies. */
export interface Estimate {
  readonly value: number;
  readonly low: number | null;
  readonly high: number | null;
  readonly n: number;
}

/**
 * What each value was measured on, such as its prompt: values of one resemble each other, so that intervals count what they were
 * measured on. Absent: each value was measured on something else.
 */
export type Clusters = readonly (string | number)[];

/**
 * How many values that tell something of their own are in clusters at least, as if all values of one agreed: (Σ m)² / Σ m² for
 * clusters of m values (Kish, "Survey Sampling", 1965).
 */
export function independentOf(clusters: Clusters): number {
  const sizes = [...Map.groupBy(clusters, (cluster) => cluster).values()].map(({ length }) => length);
  return sizes.length === 0 ? 0 : clusters.length ** 2 / sizes.reduce((sum, size) => sum + size ** 2, 0);
}

/** The 97.5 % quantile of the standard normal distribution. */
const Z = 1.959963984540054;

/**
 * The share of n trials that were right, with Wilson's score interval ("Probable inference, the law of succession, and statistical
 * inference", 1927), which stays within [0, 1] and is honest for few trials. `right` may count ties by halves.
 *
 * @param independent how many of the trials the interval counts, where some resemble each other; see `independentOf`
 * @returns null without trials
 */
export function shareOf(right: number, n: number, independent = n): Estimate | null {
  if (n === 0) return null;
  const value = right / n;
  const square = Z ** 2;
  const centre = (value + square / (2 * independent)) / (1 + square / independent);
  const half =
    (Z / (1 + square / independent)) *
    Math.sqrt((value * (1 - value)) / independent + square / (4 * independent * independent));
  // At 0 and 1 the ends meet the value, but for rounding.
  const [low, high] = [value === 0 ? 0 : Math.max(0, centre - half), value === 1 ? 1 : Math.min(1, centre + half)];
  return { value, low, high, n };
}

/**
 * The mean with Student's interval. Of G clusters, with the sum of deviations e in each, its variance is
 *
 *   G / (G − 1) · Σ e² / n²
 *
 * at G − 1 degrees of freedom, which without clusters is the usual one.
 *
 * @returns null without values; no ends where all values are of one cluster
 */
export function meanOf(values: readonly number[], clusters: Clusters = [...values.keys()]): Estimate | null {
  const n = values.length;
  if (n === 0) return null;
  const value = values.reduce((sum, one) => sum + one, 0) / n;
  const deviations = sumsByCluster(
    values.map((one) => one - value),
    clusters,
  );
  const groups = deviations.length;
  if (groups === 1) return { value, low: null, high: null, n };
  const squares = deviations.reduce((sum, one) => sum + one ** 2, 0);
  const half = (studentQuantile(groups - 1) * Math.sqrt((groups / (groups - 1)) * squares)) / n;
  return { value, low: value - half, high: value + half, n };
}

/** The sum of the values of each cluster. */
function sumsByCluster(values: readonly number[], clusters: Clusters): number[] {
  const sums = new Map<string | number, number>();
  for (const [i, value] of values.entries()) sums.set(clusters[i]!, (sums.get(clusters[i]!) ?? 0) + value);
  return [...sums.values()];
}

/**
 * How much a share has changed on the same items, which were right (1), wrong (0) or in between before and after. The interval is that
 * of Agresti and Min ("Simple improved confidence intervals for comparing matched proportions", 2005), which counts two items more,
 * half of one in each of the four cases: where nothing has changed, it still says how much could have. Items in clusters count as
 * many as `independentOf` says, with the clusters' own changes.
 *
 * @returns null without items
 */
export function shareChangeOf(
  before: readonly number[],
  after: readonly number[],
  clusters: Clusters = [...after.keys()],
): Estimate | null {
  const n = after.length;
  if (n === 0) return null;
  const differences = after.map((value, index) => value - before[index]!);
  const value = differences.reduce((total, one) => total + one, 0) / n;
  const independent = independentOf(clusters);
  const ofClusters = sumsByCluster(differences, clusters).reduce((total, one) => total + one ** 2, 0);
  const squares = (independent / n) ** 2 * ofClusters + 1;
  const [sum, total] = [independent * value, independent + 2];
  const half = (Z * Math.sqrt(squares - sum ** 2 / total)) / total;
  return { value, low: Math.max(-1, sum / total - half), high: Math.min(1, sum / total + half), n };
}

/** How much the mean of paired values has changed, with Student's interval of the differences; null without pairs. */
export function changeOf(before: readonly number[], after: readonly number[], clusters?: Clusters): Estimate | null {
  return meanOf(
    after.map((value, index) => value - before[index]!),
    clusters,
  );
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
