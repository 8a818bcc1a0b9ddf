import { describe, expect, it } from "vitest";
import {
  beginSweep,
  bestOf,
  done,
  type Known,
  nextAction,
  type SweepCourse,
  type SweepPlan,
  withTrial,
} from "../../../../../edge/objects/tenant/sweeps/course.ts";

const PLAN: SweepPlan = { parallel: 2, goal: "minimize", eta: 2, prune: undefined };
const known = (changes: Partial<Known> = {}): Known => ({ hasEnded: () => false, values: () => [], ...changes });
const next = (course: SweepCourse, plan: Partial<SweepPlan> = {}, facts: Partial<Known> = {}) =>
  nextAction({ ...PLAN, ...plan }, course, known(facts));
const live = (course: SweepCourse, ...trials: number[]) =>
  trials.reduce((so, trial) => withTrial(so, trial, { state: "live", job: `job-${trial}` }), course);
const held = (course: SweepCourse, values: Record<number, number>) =>
  Object.entries(values).reduce(
    (so, [trial, value]) => withTrial(so, Number(trial), { state: "held", job: `job-${trial}`, value }),
    course,
  );
const ended = (course: SweepCourse, values: Record<number, number>) =>
  Object.entries(values).reduce(
    (so, [trial, value]) => done(so, Number(trial), { fate: "succeeded", reason: null, value, job: `job-${trial}` }),
    course,
  );

describe("what is due of a sweep", () => {
  it("is to start trials in their order, so many at a time", () => {
    const course = beginSweep(3, null);
    expect(next(course)).toEqual({ do: "start", trial: 0 });
    expect(next(live(course, 0))).toEqual({ do: "start", trial: 1 });
    expect(next(live(course, 0, 1))).toBeNull();
    expect(next({ ...course, status: "paused" })).toBeNull();
  });

  it("is first to settle trials that have ended, also of a paused sweep", () => {
    const course = live(beginSweep(3, null), 0, 1);
    const facts = { hasEnded: (trial: number) => trial === 1 };
    expect(next(course, {}, facts)).toEqual({ do: "settle", trial: 1 });
    expect(next({ ...course, status: "paused" }, {}, facts)).toEqual({ do: "settle", trial: 1 });
    expect(next(held(course, { 1: 3 }), {}, facts)).toEqual({ do: "settle", trial: 1 });
  });

  it("is to end it with the best trial, or none", () => {
    const course = ended(beginSweep(3, null), { 0: 3, 1: 1, 2: 1 });
    expect(next(course)).toEqual({ do: "finish", best: 1 });
    expect(next(course, { goal: "maximize" })).toEqual({ do: "finish", best: 0 });
    const none = done(beginSweep(1, null), 0, { fate: "failed", reason: "x" });
    expect(next(none)).toEqual({ do: "finish", best: null });
    expect(next({ ...course, status: "succeeded" })).toBeNull();
    expect(bestOf(none, "minimize")).toBeUndefined();
  });

  it("is to prune by the median where the rule is asked for", () => {
    const course = live(beginSweep(4, null), 0, 1, 2, 3);
    const facts = { values: (trial: number) => [{ step: 5, value: trial === 2 ? 9 : trial }] };
    const prune = { min_steps: 0, min_trials: 3 };
    expect(next(course, { prune, parallel: 4 }, facts)).toMatchObject({ do: "prune", trial: 2, value: 9 });
    expect(next(course, { parallel: 4 }, facts)).toBeNull();
  });
});

describe("a rung", () => {
  const course = beginSweep(5, [2, 4]);

  it("is decided once every trial has come to it or ended", () => {
    const most = held(course, { 0: 5, 1: 3, 2: 4 });
    expect(next(live(most, 3, 4))).toBeNull();
    expect(next(live(held(most, { 3: 1 }), 4))).toBeNull();
    // One that failed has come as far, so that half of five go on.
    const last = done(held(most, { 3: 1 }), 4, { fate: "failed", reason: "x", job: "job-4" });
    expect(next(last)).toEqual({ do: "promote", keep: [3, 1], drop: [2, 0], rung: 0 });
    expect(next(last, { goal: "maximize", eta: 4 })).toEqual({ do: "promote", keep: [0], drop: [2, 1, 3], rung: 0 });
  });

  it("is decided by a single trial that is left, which goes on", () => {
    const rest = [0, 1, 2, 3].reduce((so, trial) => done(so, trial, { fate: "failed", reason: "x" }), course);
    expect(next(held(rest, { 4: 1 }), { eta: 16 })).toEqual({ do: "promote", keep: [4], drop: [], rung: 0 });
  });

  it("lets promoted trials go on in their turn, from where they are", () => {
    const on = withTrial(held(course, { 0: 1 }), 0, { state: "waiting", rung: 1 });
    expect(next(on)).toEqual({ do: "resume", trial: 0 });
  });
});
