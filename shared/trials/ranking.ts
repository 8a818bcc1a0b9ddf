import type { SweepSettings } from "../api/sweeps.ts";

export type Goal = SweepSettings["goal"];

export interface Ranked {
  /** Its place in the list of trials. */
  readonly trial: number;
  readonly value: number;
}

/** The best first; of equals the earlier trial. */
export function ranked<T extends Ranked>(trials: readonly T[], goal: Goal): T[] {
  return trials.toSorted((a, b) =>
    isBetter(a.value, b.value, goal) ? -1 : isBetter(b.value, a.value, goal) ? 1 : a.trial - b.trial,
  );
}

export function isBetter(value: number, than: number, goal: Goal): boolean {
  return goal === "minimize" ? value < than : value > than;
}
