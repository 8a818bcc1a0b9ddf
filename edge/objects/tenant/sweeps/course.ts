/**
 * The course of a sweep, as pure functions: what is due, from how far its trials are, and the course after it was done. Whoever calls
 * them stores the course and what else an action changes in one transaction, so that a crash leaves either both or neither.
 */
import type { JobStatus } from "../../../../shared/api/job-status.ts";
import { type MeasuredValue, type MedianRule, stopOf } from "../../../../shared/trials/median-rule.ts";
import { type Goal, ranked } from "../../../../shared/trials/ranking.ts";
import { survivors } from "../../../../shared/trials/rungs.ts";

export interface TrialCourse {
  /** null until it has one. */
  readonly job: string | null;
  /** `waiting` for its turn, `live` in the queue or with a trainer, `held` at a rung until the others have come there, `done`. */
  readonly state: "waiting" | "live" | "held" | "done";
  /** Of successive halving: the place of the rung that it has been admitted to. */
  readonly rung: number;
  /** null until it is done. */
  readonly fate: "succeeded" | "failed" | "cancelled" | "pruned" | "skipped" | null;
  readonly reason: string | null;
  /** Of the sweep's metric: at the rung, or at the end; null before. */
  readonly value: number | null;
  readonly model: string | null;
  readonly metrics: Readonly<Record<string, number>> | null;
  readonly tokens: number;
}

export interface SweepCourse {
  readonly status: JobStatus;
  readonly begun: boolean;
  /** The steps at which trials are compared; null without halving. */
  readonly rungs: readonly number[] | null;
  readonly trials: readonly TrialCourse[];
}

/** What the course depends on of a sweep's settings. */
export interface SweepPlan {
  readonly parallel: number;
  readonly goal: Goal;
  readonly eta: number;
  readonly prune: MedianRule | undefined;
}

/** What else has to be known of the trials, by their places. */
export interface Known {
  readonly hasEnded: (trial: number) => boolean;
  readonly values: (trial: number) => readonly MeasuredValue[];
}

/** What is due; `trial` is a place in the list. */
export type Action =
  | { readonly do: "settle" | "start" | "resume"; readonly trial: number }
  | { readonly do: "prune"; readonly trial: number; readonly reason: string; readonly value: number }
  | {
      readonly do: "promote";
      readonly keep: readonly number[];
      readonly drop: readonly number[];
      readonly rung: number;
    }
  | { readonly do: "finish"; readonly best: number | null };

const NEW: TrialCourse = {
  job: null,
  state: "waiting",
  rung: 0,
  fate: null,
  reason: null,
  value: null,
  model: null,
  metrics: null,
  tokens: 0,
};

export function beginSweep(trials: number, rungs: readonly number[] | null): SweepCourse {
  return { status: "queued", begun: false, rungs, trials: Array.from({ length: trials }, () => NEW) };
}

export function isSweepOver({ status }: Pick<SweepCourse, "status">): boolean {
  return status === "succeeded" || status === "failed" || status === "cancelled";
}

/** The next thing to do; null if there is nothing now. */
export function nextAction(plan: SweepPlan, course: SweepCourse, known: Known): Action | null {
  if (isSweepOver(course)) return null;
  const { trials, status } = course;
  const places = [...trials.keys()];
  const ended = places.find((trial) => isOpen(trials[trial]!) && trials[trial]!.job !== null && known.hasEnded(trial));
  if (ended !== undefined) return { do: "settle", trial: ended };
  const pruned = plan.prune && pruneDue({ ...plan, prune: plan.prune }, course, known);
  if (pruned !== undefined) return pruned;
  const inState = (state: TrialCourse["state"]) => places.filter((trial) => trials[trial]!.state === state);
  const [live, waiting, held] = [inState("live"), inState("waiting"), inState("held")];
  if (live.length === 0 && waiting.length === 0) {
    return held.length > 0 ? promotion(plan, course, held) : { do: "finish", best: bestOf(course, plan.goal) ?? null };
  }
  if (status === "paused" || live.length >= plan.parallel) return null;
  const [next] = waiting;
  if (next === undefined) return null;
  return { do: trials[next]!.job === null ? "start" : "resume", trial: next };
}

const isOpen = ({ state }: TrialCourse) => state !== "done";

function pruneDue(
  { prune, goal }: SweepPlan & { readonly prune: MedianRule },
  { trials }: SweepCourse,
  { values }: Known,
): Action | undefined {
  for (const [trial, { state }] of trials.entries()) {
    if (state !== "live") continue;
    const others = [...trials.keys()].filter((other) => other !== trial).map(values);
    const stop = stopOf(values(trial), others, { rule: prune, goal });
    if (stop === undefined) continue;
    const reason = `Its best value until step ${stop.step} is ${short(stop.value)}, the median of the other trials ${short(stop.median)}.`;
    return { do: "prune", trial, reason, value: stop.value };
  }
  return undefined;
}

/** All trials that have come to a rung are there: the best go on. */
function promotion({ goal, eta }: SweepPlan, { trials }: SweepCourse, held: readonly number[]): Action {
  const { rung } = trials[held[0]!]!;
  // Trials that failed at this rung have come to it as well.
  const admitted = trials.filter((trial) => trial.rung >= rung).length;
  const order = ranked(
    held.map((trial) => ({ trial, value: trials[trial]!.value! })),
    goal,
  ).map(({ trial }) => trial);
  const count = Math.min(survivors(admitted, eta), order.length);
  return { do: "promote", keep: order.slice(0, count), drop: order.slice(count), rung };
}

/** The best of those that have succeeded. */
export function bestOf({ trials }: SweepCourse, goal: Goal): number | undefined {
  const ends = [...trials.entries()].flatMap(([trial, { fate, value }]) =>
    fate === "succeeded" && value !== null ? [{ trial, value }] : [],
  );
  return ranked(ends, goal)[0]?.trial;
}

export function withTrial(course: SweepCourse, place: number, change: Partial<TrialCourse>): SweepCourse {
  const trials = course.trials.map((trial, index) => (index === place ? { ...trial, ...change } : trial));
  return { ...course, trials };
}

/** A trial that goes no further. */
export function done(
  course: SweepCourse,
  place: number,
  change: Partial<TrialCourse> & Pick<TrialCourse, "fate" | "reason">,
): SweepCourse {
  return withTrial(course, place, { state: "done", ...change });
}

export const short = (value: number): string => String(Number(value.toPrecision(5)));
