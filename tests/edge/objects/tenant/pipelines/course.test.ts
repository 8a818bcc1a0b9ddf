import { describe, expect, it } from "vitest";
import {
  begin,
  type Course,
  dueOf,
  type Ended,
  type Happening,
  isOver,
  type PlannedStage,
  step,
} from "../../../../../edge/objects/tenant/pipelines/course.ts";

const PLAN: readonly PlannedStage[] = [
  { name: "sft" },
  { name: "rm", gate: { metric: "accuracy", at_least: 0.8, otherwise: "stop" } },
  { name: "ppo" },
];

const started = (job: string): Happening => ({ type: "started", job });
const begun = (job: string): Happening => ({ type: "begun", job });
const done = (job: string, metrics: Ended["metrics"] = {}): Happening => ({
  type: "ended",
  status: "succeeded",
  job,
  model: `model of ${job}`,
  metrics,
  tokens: 10,
  error: null,
});
const broken = (job: string, status: "failed" | "cancelled"): Happening => ({
  type: "ended",
  status,
  job,
  model: null,
  metrics: {},
  tokens: 3,
  error: status === "failed" ? { code: "non_finite", message: "It diverged.", param: "method.dpo.beta" } : null,
});
const refused: Happening = {
  type: "refused",
  error: { code: "not_found", message: "No file.", param: "training_file" },
};
const pause: Happening = { type: "paused" };
const resume: Happening = { type: "resumed" };
const cancel: Happening = { type: "cancelled" };

/** The course after several happenings, and what they had done. */
function played(happenings: readonly Happening[], plan = PLAN) {
  let course = begin(plan.length);
  const effects = [];
  for (const happening of happenings) {
    const next = step(plan, course, happening);
    course = next.course;
    effects.push(...next.effects);
  }
  return { course, effects };
}

const toRm = [started("a"), begun("a"), done("a"), started("b")];
const withGate = (otherwise: "stop" | "fail" | "continue") =>
  PLAN.map((stage) => (stage.gate === undefined ? stage : { ...stage, gate: { ...stage.gate, otherwise } }));

it("goes from stage to stage, and ends with the last one's model", () => {
  const { course, effects } = played([
    ...toRm,
    begun("b"),
    done("b", { accuracy: 0.93 }),
    started("c"),
    begun("c"),
    done("c", { reward: 1.23456 }),
  ]);
  expect(course).toMatchObject({ status: "succeeded", at: 3, stopped: null });
  expect(course.stages[1]!.gate).toEqual({ metric: "accuracy", value: 0.93, passed: true });
  expect(effects.filter((effect) => effect.do === "end")).toEqual([
    { do: "end", status: "succeeded", model: "model of c", tokens: 30, error: null },
  ]);
  expect(effects.flatMap((effect) => (effect.do === "say" ? [effect.message] : []))).toEqual([
    "Stage 1 of 3, sft: queued as a",
    "Stage 1 of 3, sft: a trainer has taken the job",
    "Stage 1 of 3, sft: succeeded",
    "Stage 2 of 3, rm: queued as b",
    "Stage 2 of 3, rm: a trainer has taken the job",
    "Stage 2 of 3, rm: succeeded, accuracy 0.93; gate passed: accuracy is 0.93, asked for is at least 0.8",
    "Stage 3 of 3, ppo: queued as c",
    "Stage 3 of 3, ppo: a trainer has taken the job",
    "Stage 3 of 3, ppo: succeeded, reward 1.235",
    "The pipeline has successfully completed: all of its 3 stages",
  ]);
});

describe("a gate that is not passed", () => {
  const low = [...toRm, done("b", { accuracy: 0.5 })];

  it("stops with what was reached before the stage", () => {
    const { course, effects } = played(low);
    expect(course).toMatchObject({ status: "succeeded", stopped: { stage: "rm" } });
    expect(effects.at(-1)).toMatchObject({ do: "end", status: "succeeded", model: "model of a", error: null });
    expect(effects.at(-2)).toEqual({
      do: "say",
      level: "warn",
      message:
        "The gate of the stage rm was not passed: accuracy is 0.5, asked for is at least 0.8. Reached before it: sft (model of a).",
    });
  });

  it("stops with the model that the stage started from, or the newest that answers", () => {
    const gate = { metric: "kl", at_most: 1, otherwise: "stop" as const };
    const reached = (stages: readonly PlannedStage[]) =>
      played([...toRm, done("b"), started("c"), done("c", { kl: 2 })], stages).effects.at(-1);
    const [sft, rm] = [{ name: "sft" }, { name: "rm", scores: true }];
    expect(reached([sft, rm, { name: "ppo", gate }])).toMatchObject({ model: "model of a" });
    expect(reached([sft, { name: "more" }, { name: "ppo", gate, from: "sft" }])).toMatchObject({ model: "model of a" });
    expect(reached([sft, { name: "more" }, { name: "ppo", gate }])).toMatchObject({ model: "model of b" });
    expect(reached([rm, rm, { name: "ppo", gate }])).toMatchObject({ status: "failed", model: null });
  });

  it("fails where it is to fail, and where nothing was reached", () => {
    const failure = { code: "gate_not_passed", param: "method.pipeline.stages[1].gate" };
    expect(played(low, withGate("fail")).effects.at(-1)).toMatchObject({
      do: "end",
      status: "failed",
      model: null,
      error: failure,
    });
    const first = [{ name: "rm", gate: { metric: "accuracy", at_least: 0.8, otherwise: "stop" as const } }];
    expect(played([started("a"), done("a", { accuracy: 0 })], first).effects.at(-1)).toMatchObject({
      status: "failed",
      error: {
        code: "gate_not_passed",
        message: expect.stringContaining("No stage before it was reached."),
      },
    });
  });

  it("goes on with a warning where it is to", () => {
    const { course, effects } = played(low, withGate("continue"));
    expect(course).toMatchObject({ status: "running", at: 2, stopped: null });
    expect(course.stages[1]!.gate).toMatchObject({ passed: false });
    expect(effects.at(-1)).toMatchObject({ do: "say", level: "warn" });
  });

  it("says which metrics there are where its own is missing", () => {
    const { effects } = played([...toRm, done("b", { loss: 1, acc: 2 })]);
    expect(effects.at(-1)).toMatchObject({
      status: "failed",
      error: {
        code: "invalid_request",
        param: "method.pipeline.stages[1].gate.metric",
        message:
          'The gate of the stage rm cannot be judged: the stage did not report "accuracy"; it reported acc, loss.',
      },
    });
  });
});

describe("a stage that does not succeed", () => {
  it("ends the pipeline with its error, placed in the request", () => {
    expect(played([...toRm, broken("b", "failed")]).effects.at(-1)).toEqual({
      do: "end",
      status: "failed",
      model: null,
      tokens: 13,
      error: {
        code: "non_finite",
        message: "The stage rm failed: It diverged.",
        param: "method.pipeline.stages[1].method.dpo.beta",
      },
    });
    expect(played([refused]).effects.at(-1)).toMatchObject({
      status: "failed",
      error: { code: "not_found", param: "method.pipeline.stages[0].training_file" },
    });
    expect(played([started("a"), broken("a", "cancelled")]).effects.at(-1)).toMatchObject({ status: "cancelled" });
  });
});

describe("pausing", () => {
  it("pauses the stage's job, and resuming resumes it", () => {
    const { course, effects } = played([...toRm, pause]);
    expect(course.status).toBe("paused");
    expect(effects.at(-1)).toEqual({ do: "pause", job: "b" });
    const resumed = step(PLAN, course, resume);
    expect(resumed.course.status).toBe("running");
    expect(resumed.effects.at(-1)).toEqual({ do: "resume", job: "b" });
  });

  it("starts no stage, and a stage may end meanwhile", () => {
    const { course } = played([started("a"), pause, done("a")]);
    expect(course).toMatchObject({ status: "paused", at: 1 });
    expect(dueOf(course)).toBeNull();
    expect(step(PLAN, course, started("b")).course).toBe(course);
    expect(dueOf(step(PLAN, course, resume).course)).toEqual({ start: 1 });
  });

  it("leaves a pipeline that has not begun queued when it is resumed", () => {
    expect(played([started("a"), pause, resume]).course.status).toBe("queued");
    expect(played([started("a"), begun("a"), pause, resume]).course.status).toBe("running");
  });
});

it("cancels the stage's job with the pipeline", () => {
  expect(played([...toRm, cancel]).effects.slice(-3)).toEqual([
    { do: "cancel", job: "b" },
    { do: "say", level: "warn", message: "The pipeline was cancelled" },
    { do: "end", status: "cancelled", model: null, tokens: 10, error: null },
  ]);
  expect(played([cancel]).course.status).toBe("cancelled");
});

it("every happening in every state keeps what must hold", () => {
  const happenings = [
    ...["a", "b", "c"].flatMap((job) => [
      started(job),
      begun(job),
      done(job, { accuracy: 0.9 }),
      broken(job, "failed"),
      broken(job, "cancelled"),
    ]),
    ...[refused, pause, resume, cancel],
  ];
  const seen = new Map<string, Course>();
  const pending = [begin(PLAN.length)];
  for (let course = pending.pop(); course !== undefined; course = pending.pop()) {
    const key = JSON.stringify(course);
    if (seen.has(key)) continue;
    seen.set(key, course);
    for (const happening of happenings) {
      const next = step(PLAN, course, happening);
      const ends = next.effects.filter((effect) => effect.do === "end");
      // What has ended never changes again, and ends once.
      if (isOver(course)) expect(next).toEqual({ course, effects: [] });
      else expect(ends.length).toBe(isOver(next.course) ? 1 : 0);
      // Nothing is said or done without a change, so that doing it again after a crash is harmless.
      if (next.course === course) expect(next.effects).toEqual([]);
      // The same happening twice is the same as once.
      if (happening.type !== "started") expect(step(PLAN, next.course, happening).course).toEqual(next.course);
      // A finished stage keeps its result and its job, whatever comes.
      for (const [index, stage] of course.stages.entries()) {
        if (stage.ended !== null) expect(next.course.stages[index]).toEqual(stage);
        if (stage.job !== null) expect(next.course.stages[index]!.job).toBe(stage.job);
      }
      expect(next.course.at - course.at).toBeLessThanOrEqual(1);
      expect(next.course.at).toBeGreaterThanOrEqual(course.at);
      // Unless it is over or paused, something is due.
      if (!isOver(next.course) && next.course.status !== "paused") expect(dueOf(next.course)).not.toBeNull();
      pending.push(next.course);
    }
  }
  expect(seen.size).toBeGreaterThan(30);
});
