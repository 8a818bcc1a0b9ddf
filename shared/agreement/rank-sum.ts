import { type Proportion, Z95 } from "./proportion.ts";
import { known, unknown } from "./statistic.ts";

/**
 * How often a positive is above a negative, of one of each drawn at random; equal values count half (the area under the ROC curve).
 * The interval is DeLong's, with the variances of how often each value is above those of the other side. DeLong et al. 1988. `n`
 * counts values of both sides.
 */
export function rankSum(positives: readonly number[], negatives: readonly number[], z: number = Z95): Proportion {
  const n = positives.length + negatives.length;
  if (positives.length === 0 || negatives.length === 0) {
    return { ...unknown("there is nothing on one of the two sides", n), interval: null };
  }
  const above = placements(positives, negatives);
  const below = placements(negatives, positives).map((share) => 1 - share);
  const area = mean(above);
  if (positives.length === 1 || negatives.length === 1) return { ...known(area, n), interval: null };
  const deviation = Math.sqrt(variance(above) / positives.length + variance(below) / negatives.length);
  return { ...known(area, n), interval: [Math.max(0, area - z * deviation), Math.min(1, area + z * deviation)] };
}

/** For each value the share of the others that it is above, equal ones half. */
function placements(values: readonly number[], others: readonly number[]): number[] {
  const sorted = Float64Array.from(others).sort();
  return values.map((value) => (firstAtLeast(sorted, value) + firstAbove(sorted, value)) / (2 * sorted.length));
}

const firstAtLeast = (sorted: Float64Array, value: number) => search(sorted, (one) => one >= value);
const firstAbove = (sorted: Float64Array, value: number) => search(sorted, (one) => one > value);

function search(sorted: Float64Array, holds: (value: number) => boolean): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(sorted[middle]!)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function variance(values: readonly number[]): number {
  const middle = mean(values);
  return values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1);
}
