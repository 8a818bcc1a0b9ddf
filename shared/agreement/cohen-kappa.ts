/**
 * Cohen's κ of two raters: 1 − Σ w·o / Σ w·e, where o and e are the shares of units that the raters put in each pair of
 * categories, observed and expected if they labelled independently, and w says how far the categories are apart: 0 or 1, or by
 * their places i and j in the order of the categories |i − j| or (i − j)². Cohen 1960 and 1968; as scikit-learn computes it.
 */
import { categoriesOf, type Label } from "./label-table.ts";
import { known, type Statistic, unknown } from "./statistic.ts";

export const KAPPA_WEIGHTS = ["none", "linear", "quadratic"] as const;
export type KappaWeights = (typeof KAPPA_WEIGHTS)[number];

const DISTANCE: Readonly<Record<KappaWeights, (i: number, j: number) => number>> = {
  none: (i, j) => (i === j ? 0 : 1),
  linear: (i, j) => Math.abs(i - j),
  quadratic: (i, j) => (i - j) ** 2,
};

export interface KappaOptions {
  readonly weights?: KappaWeights;
  /** All categories in order; those that occur where left out. Only their places matter, and only with weights. */
  readonly categories?: readonly Label[];
}

/** `first[u]` and `second[u]` are the raters' labels for unit u. `n` counts units. */
export function cohenKappa(
  first: readonly Label[],
  second: readonly Label[],
  { weights = "none", categories = categoriesOf([...first, ...second]) }: KappaOptions = {},
): Statistic {
  const n = first.length;
  if (n === 0) return unknown("the raters labelled no unit in common", 0);
  const place = new Map(categories.map((label, at) => [label, at]));
  const size = categories.length;
  const counts = new Float64Array(size * size);
  const [rows, columns] = [new Float64Array(size), new Float64Array(size)];
  for (const [unit, label] of first.entries()) {
    const [i, j] = [place.get(label), place.get(second[unit]!)];
    if (i === undefined || j === undefined) return unknown("a label is none of the categories", n);
    counts[i * size + j]! += 1;
    rows[i]! += 1;
    columns[j]! += 1;
  }
  const distance = DISTANCE[weights];
  let [observed, expected] = [0, 0];
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      observed += distance(i, j) * counts[i * size + j]!;
      expected += (distance(i, j) * rows[i]! * columns[j]!) / n;
    }
  }
  if (expected === 0) return unknown("both raters used the same single category, so that chance alone would agree", n);
  return known(1 - observed / expected, n);
}
