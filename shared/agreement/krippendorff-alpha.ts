/**
 * Krippendorff's α: 1 − Dₒ / Dₑ over all pairs of labels for the same unit, whoever gave them and however many there are, so that
 * missing values need no filling in. Dₒ is the mean distance of labels within units, Dₑ that of all labels that are in a unit with
 * another. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011); as the package krippendorff computes it.
 *
 * No pair is looked at: the distances of m labels add up to what their counts, or their squared distances from their mean, say.
 */
import { categoriesOf, countsOf, type Label, type LabelTable } from "./label-table.ts";
import { known, type Statistic, unknown } from "./statistic.ts";

export const LEVELS = ["nominal", "ordinal", "interval"] as const;
/** What labels mean: names; places in an order; or numbers whose differences count. */
export type Level = (typeof LEVELS)[number];

/** `n` counts the labels that stand in a unit with another. */
export function krippendorffAlpha({ units }: LabelTable, level: Level): Statistic {
  const paired = units.filter((said) => said.size >= 2).map((said) => [...said.values()]);
  const all = paired.flat();
  const n = all.length;
  if (n === 0) return unknown("no unit was labelled by two raters", 0);
  const counts = countsOf(all);
  if (counts.size === 1) return unknown("all labels are the same, so that there is nothing to agree on", n);
  if (level === "interval" && all.some((label) => typeof label !== "number")) {
    return unknown("only numbers have differences", n);
  }
  const distances = DISTANCES[level](counts);
  const observed = paired.reduce((sum, labels) => sum + distances(labels) / (labels.length - 1), 0);
  return known(1 - ((n - 1) * observed) / distances(all), n);
}

/** The sum of δ² of every label from every other one of a list, in both directions. */
type Distances = (labels: readonly Label[]) => number;

/** By how often each label occurs among all. */
const DISTANCES: Readonly<Record<Level, (totals: ReadonlyMap<Label, number>) => Distances>> = {
  nominal: () => (labels) =>
    [...countsOf(labels).values()].reduce((sum, count) => sum - count * count, labels.length ** 2),
  // δ = Σ n_g for g from i to j, less half of both ends: the difference of how many labels are below each and half of its equals.
  ordinal(totals) {
    const middles = new Map<Label, number>();
    let below = 0;
    for (const label of categoriesOf(totals.keys())) {
      const total = totals.get(label)!;
      middles.set(label, below + total / 2);
      below += total;
    }
    return (labels) => squaredDifferences(labels.map((label) => middles.get(label)!));
  },
  interval: () => (labels) => squaredDifferences(labels as readonly number[]),
};

/** Σ (x_i − x_j)² over all i and j, which is 2·m·Σ (x_i − x̄)²; exactly 0 where all m values are equal. */
function squaredDifferences(values: readonly number[]): number {
  const [first = 0] = values;
  const mean = values.reduce((sum, value) => sum + (value - first), 0) / values.length;
  return 2 * values.length * values.reduce((sum, value) => sum + (value - first - mean) ** 2, 0);
}
