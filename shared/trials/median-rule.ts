/**
 * The median stopping rule (Golovin et al., "Google Vizier", 2017), with the best value so far in place of the running average: a
 * trial is stopped at a step if its best value until then is worse than the median of the other trials' best until that step.
 * Trials that have not come as far do not count.
 */
import { type Goal, isBetter } from "./ranking.ts";

/** A value that was measured of a trial. */
export interface MeasuredValue {
  readonly step: number;
  readonly value: number;
}

export interface MedianRule {
  readonly min_steps: number;
  readonly min_trials: number;
}

export interface Stop {
  readonly step: number;
  readonly value: number;
  readonly median: number;
}

/**
 * The first step at which a trial is stopped; undefined if it goes on. Values are in the order of their steps.
 */
export function stopOf(
  own: readonly MeasuredValue[],
  others: readonly (readonly MeasuredValue[])[],
  { rule, goal }: { readonly rule: MedianRule; readonly goal: Goal },
): Stop | undefined {
  for (const { step } of own) {
    if (step < rule.min_steps) continue;
    const compared = others.filter((values) => (values.at(-1)?.step ?? -1) >= step);
    const best = compared.flatMap((values) => bestUntil(values, step, goal) ?? []);
    if (best.length < rule.min_trials) continue;
    const [value, median] = [bestUntil(own, step, goal)!, medianOf(best)];
    if (isBetter(median, value, goal)) return { step, value, median };
  }
  return undefined;
}

function bestUntil(values: readonly MeasuredValue[], step: number, goal: Goal): number | undefined {
  const reached = values.filter((measured) => measured.step <= step);
  if (reached.length === 0) return undefined;
  return reached.map(({ value }) => value).reduce((best, value) => (isBetter(value, best, goal) ? value : best));
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
