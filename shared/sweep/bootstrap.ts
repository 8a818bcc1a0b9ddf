/** Confidence intervals by resampling (Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979). */
import type { Random } from "../random.ts";

/** What one prompt adds to a ratio. The texts of one prompt resemble each other, so prompts are drawn, not texts. */
export interface Group {
  readonly sum: number;
  readonly count: number;
}

export interface BootstrapOptions {
  readonly random: Random;
  readonly resamples?: number;
  /** The probability of the interval. */
  readonly level?: number;
}

/** Σ sum / Σ count */
export function ratioOf(groups: readonly Group[]): number {
  let [sum, count] = [0, 0];
  for (const group of groups) {
    sum += group.sum;
    count += group.count;
  }
  return sum / count;
}

/**
 * The percentile interval of the groups' ratio: as many groups are drawn as there are, with replacement, again and again.
 * Draws without any count are left out.
 *
 * @returns null for fewer than two groups with a count, which say nothing about how much they vary
 */
export function bootstrapInterval(
  groups: readonly Group[],
  { random, resamples = 1_000, level = 0.95 }: BootstrapOptions,
): readonly [low: number, high: number] | null {
  const counted = groups.filter(({ count }) => count > 0);
  if (counted.length < 2) return null;
  const ratios = Float64Array.from({ length: resamples }, () =>
    ratioOf(Array.from(counted, () => counted[random.below(counted.length)]!)),
  ).sort();
  return [quantile(ratios, (1 - level) / 2), quantile(ratios, (1 + level) / 2)];
}

/** Interpolates linearly between the nearest of the sorted values (type 7 of Hyndman and Fan, 1996). */
export function quantile(sorted: Float64Array, at: number): number {
  const place = at * (sorted.length - 1);
  const [below, above] = [sorted[Math.floor(place)]!, sorted[Math.ceil(place)]!];
  return below + (place - Math.floor(place)) * (above - below);
}
