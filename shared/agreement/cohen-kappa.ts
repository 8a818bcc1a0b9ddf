/**
 * Cohen's κ of two raters: 1 − Σ w·o / Σ w·e, where o and e are the shares of units that the raters put in each pair of
 * categories, observed and expected if they labelled independently, and w says how far the categories are apart: 0 or 1, or by
 * their places i and j in the order of the categories |i − j| or (i − j)². Cohen 1960 and 1968; as scikit-learn computes it.
 *
 * There may be as many categories as units, so no table of their pairs is made: what is expected follows from how many labels each
 * rater has at each place.
 */
import { categoriesOf, type Label } from "./label-table.ts";
import { known, type Statistic, unknown } from "./statistic.ts";

export const KAPPA_WEIGHTS = ["none", "linear", "quadratic"] as const;
export type KappaWeights = (typeof KAPPA_WEIGHTS)[number];

/** The place of each category in their order, from 0. */
export type Places = ReadonlyMap<Label, number>;

export const placesOf = (categories: readonly Label[]): Places => new Map(categories.map((label, at) => [label, at]));

interface Weighting {
  readonly distance: (i: number, j: number) => number;
  /** The sum of the distances of every label of one rater from every label of the other. */
  readonly expected: (both: readonly Margin[], n: number) => number;
}

/** How many labels each rater has at one place. */
interface Margin {
  readonly place: number;
  first: number;
  second: number;
}

const WEIGHTING: Readonly<Record<KappaWeights, Weighting>> = {
  none: {
    distance: (i, j) => (i === j ? 0 : 1),
    // n² − Σ r_i·c_i
    expected: (both, n) => n * n - sum(both, ({ first, second }) => first * second),
  },
  linear: {
    distance: (i, j) => Math.abs(i - j),
    // |i − j| is the number of steps between the places, and R·(n − C) + C·(n − R) pairs of labels go over a step, where R and C
    // count the labels below it.
    expected(both, n) {
      let [below, belowSecond, total] = [0, 0, 0];
      for (const [at, { place, first, second }] of both.entries()) {
        below += first;
        belowSecond += second;
        const steps = (both[at + 1]?.place ?? place) - place;
        total += steps * (below * (n - belowSecond) + belowSecond * (n - below));
      }
      return total;
    },
  },
  quadratic: {
    distance: (i, j) => (i - j) ** 2,
    // n·(Σ r_i·(i − a)² + Σ c_j·(j − b)²) + n²·(a − b)², where a and b are the mean places: no term is taken from another.
    expected(both, n) {
      const a = sum(both, ({ place, first }) => place * first) / n;
      const b = sum(both, ({ place, second }) => place * second) / n;
      const spread = sum(both, ({ place, first, second }) => first * (place - a) ** 2 + second * (place - b) ** 2);
      return n * spread + n * n * (a - b) ** 2;
    },
  },
};

export interface KappaOptions {
  readonly weights?: KappaWeights;
  /** Of all categories; of those that occur where left out. Matters only with weights. */
  readonly places?: Places;
}

/** `first[u]` and `second[u]` are the raters' labels for unit u. `n` counts units. */
export function cohenKappa(
  first: readonly Label[],
  second: readonly Label[],
  { weights = "none", places = placesOf(categoriesOf([...first, ...second])) }: KappaOptions = {},
): Statistic {
  const n = first.length;
  if (n === 0) return unknown("the raters labelled no unit in common", 0);
  const { distance, expected: expectedOf } = WEIGHTING[weights];
  const margins = new Map<number, Margin>();
  const marginAt = (place: number): Margin => {
    const margin = margins.get(place) ?? { place, first: 0, second: 0 };
    margins.set(place, margin);
    return margin;
  };
  let observed = 0;
  for (const [unit, label] of first.entries()) {
    const [i, j] = [places.get(label), places.get(second[unit]!)];
    if (i === undefined || j === undefined) return unknown("a label is none of the categories", n);
    observed += distance(i, j);
    marginAt(i).first += 1;
    marginAt(j).second += 1;
  }
  if (margins.size === 1) {
    return unknown("both raters used the same single category, so that chance alone would agree", n);
  }
  const inOrder = [...margins.values()].sort((a, b) => a.place - b.place);
  return known(1 - observed / (expectedOf(inOrder, n) / n), n);
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
