/** What a suite's scores are made of, so that one run is summed up and two are compared in the same way. */
import { createRandom } from "../../random.ts";
import { changeOf, type Estimate, independentOf, meanOf, shareChangeOf, shareOf } from "../intervals.ts";

/**
 * The values of one score, each with the item that it is of.
 *
 * - `share`: values from 0 to 1, of which the interval is Wilson's.
 * - `mean`: any numbers, with Student's interval.
 * - `statistic`: what no mean is, such as a calibration error; its interval is drawn from the items by the bootstrap.
 */
export type Measure =
  | { readonly kind: "share" | "mean"; readonly values: readonly number[]; readonly items: readonly number[] }
  | {
      readonly kind: "statistic";
      /** Items that can be drawn. */
      readonly n: number;
      /** The value on these items, of which some may be missing and some there several times; null where there is none. */
      readonly of: (items: readonly number[]) => number | null;
    };

/** The same score of two models on the same items. */
export interface Compared {
  readonly before: Estimate | null;
  readonly after: Estimate | null;
  /** After − before, item by item; null where there is nothing to compare. */
  readonly change: Estimate | null;
}

/** Draws of the bootstrap: the ends of 95 % then are the 25th and 975th of them. */
const DRAWS = 1000;

/** The estimate of a score with its interval of 95 %; null without values. */
export function estimateOf(measure: Measure): Estimate | null {
  if (measure.kind === "statistic") return bootstrapped(measure.n, measure.of);
  const { values, items } = measure;
  return measure.kind === "share" ? shareOf(sum(values), values.length, independentOf(items)) : meanOf(values, items);
}

/** Throws for measures that are not of the same items in the same order. */
export function compareMeasures(before: Measure, after: Measure): Compared {
  const estimates = { before: estimateOf(before), after: estimateOf(after) };
  if (before.kind === "statistic" || after.kind === "statistic") {
    if (before.kind !== "statistic" || after.kind !== "statistic" || before.n !== after.n) throw unlike();
    const difference = (items: readonly number[]) => {
      const [of, to] = [before.of(items), after.of(items)];
      return of === null || to === null ? null : to - of;
    };
    return { ...estimates, change: bootstrapped(before.n, difference) };
  }
  const isPaired =
    before.items.length === after.items.length && before.items.every((item, i) => item === after.items[i]);
  if (before.kind !== after.kind || !isPaired) throw unlike();
  const change = before.kind === "share" ? shareChangeOf : changeOf;
  return { ...estimates, change: change(before.values, after.values, after.items) };
}

/** The value on all items, and the ends of what it is on items that are drawn with replacement; the seed is fixed. */
function bootstrapped(n: number, of: (items: readonly number[]) => number | null): Estimate | null {
  const all = Array.from({ length: n }, (_, item) => item);
  const value = n === 0 ? null : of(all);
  if (value === null) return null;
  const random = createRandom(0, "suite bootstrap");
  const drawn: number[] = [];
  for (let draw = 0; draw < DRAWS; draw++) {
    const one = of(all.map(() => random.below(n)));
    if (one !== null) drawn.push(one);
  }
  drawn.sort((a, b) => a - b);
  const at = (share: number) => drawn[Math.min(drawn.length - 1, Math.floor(share * drawn.length))] ?? null;
  return { value, low: at(0.025), high: at(0.975), n };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, one) => total + one, 0);
}

function unlike(): Error {
  return new Error("Two runs are compared on the same items and samples, in the same order.");
}
