/**
 * The course of a pipeline, as a pure function of what happens: how far it is, and what has to be done next. Whoever calls it
 * stores the course and does the effects in one transaction, so that a crash leaves either both or neither.
 */

import type { JobStatus } from "../../../../shared/api/job-status.ts";
import type { Job, JobEvent } from "../../../../shared/api/jobs.ts";
import { type Gate, type GateOutcome, stagePath } from "../../../../shared/api/pipelines.ts";
import { judge, type Metrics } from "./gate.ts";

/** What the course depends on of each stage. */
export interface PlannedStage {
  readonly name: string;
  readonly gate?: Gate | undefined;
  /** The stage whose result it starts from; left out where it starts from the pipeline's model. */
  readonly from?: string | undefined;
  /** Whether its result scores texts and answers nobody. */
  readonly scores?: boolean | undefined;
}

/** How far a stage is. What it has made is null until it has succeeded. */
export interface StageCourse {
  /** null until it has one. */
  readonly job: string | null;
  /** Whether a trainer has ever taken its job. */
  readonly begun: boolean;
  /** null until its job has ended. */
  readonly ended: JobStatus | null;
  readonly model: string | null;
  readonly metrics: Metrics | null;
  readonly tokens: number;
  readonly gate: GateOutcome | null;
}

export interface Course {
  readonly status: JobStatus;
  /** The stage whose turn it is; the number of stages after the last. */
  readonly at: number;
  readonly stages: readonly StageCourse[];
  /** The gate that has ended it, if one has. */
  readonly stopped: { readonly stage: string; readonly reason: string } | null;
}

/** What a stage's job has come to. */
export interface Ended {
  readonly type: "ended";
  readonly job: string;
  readonly status: JobStatus;
  readonly model: string | null;
  readonly metrics: Metrics;
  readonly tokens: number;
  readonly error: Job["error"];
}

export type Happening =
  /** The job of the stage whose turn it is was created. */
  | { readonly type: "started"; readonly job: string }
  /** It could not be. */
  | { readonly type: "refused"; readonly error: NonNullable<Job["error"]> }
  /** A trainer took a stage's job. */
  | { readonly type: "begun"; readonly job: string }
  | Ended
  | { readonly type: "paused" | "resumed" | "cancelled" };

export type Effect =
  | { readonly do: "say"; readonly level: JobEvent["level"]; readonly message: string }
  | { readonly do: "pause" | "resume" | "cancel"; readonly job: string }
  | {
      readonly do: "end";
      readonly status: JobStatus;
      readonly model: string | null;
      readonly tokens: number;
      readonly error: Job["error"];
    };

export interface Step {
  readonly course: Course;
  readonly effects: readonly Effect[];
}

const WAITING: StageCourse = {
  job: null,
  begun: false,
  ended: null,
  model: null,
  metrics: null,
  tokens: 0,
  gate: null,
};

export function begin(stages: number): Course {
  return { status: "queued", at: 0, stages: Array.from({ length: stages }, () => WAITING), stopped: null };
}

export function isOver({ status }: Pick<Course, "status">): boolean {
  return status === "succeeded" || status === "failed" || status === "cancelled";
}

/** What waits to be done: the creation of a stage's job, or word of the end of one. */
export function dueOf(course: Course): { readonly start: number } | { readonly watch: string } | null {
  const current = course.stages[course.at];
  if (isOver(course) || current === undefined) return null;
  if (current.job !== null) return { watch: current.job };
  return course.status === "paused" ? null : { start: course.at };
}

/**
 * The course after something has happened. What comes twice, too late or about a job of another stage changes nothing.
 */
export function step(plan: readonly PlannedStage[], course: Course, happening: Happening): Step {
  const unchanged = { course, effects: [] };
  const current = course.stages[course.at];
  if (isOver(course) || current === undefined) return unchanged;
  switch (happening.type) {
    case "started": {
      if (current.job !== null || course.status === "paused") return unchanged;
      const message = `${label(plan, course.at)}: queued as ${happening.job}`;
      return { course: withStage(course, { job: happening.job }), effects: [info(message)] };
    }
    case "refused":
      if (current.job !== null || course.status === "paused") return unchanged;
      return failed(plan, course, happening.error);
    case "begun": {
      if (current.job !== happening.job || current.begun) return unchanged;
      const next = withStage(course, { begun: true });
      const status = course.status === "queued" ? "running" : course.status;
      return { course: { ...next, status }, effects: [info(`${label(plan, course.at)}: a trainer has taken the job`)] };
    }
    case "ended":
      return current.job === happening.job ? stageEnded(plan, course, happening) : unchanged;
    case "paused":
      if (course.status === "paused") return unchanged;
      return {
        course: { ...course, status: "paused" },
        effects: [info("The pipeline was paused"), ...onJob("pause", current)],
      };
    case "resumed": {
      if (course.status !== "paused") return unchanged;
      const status = course.at > 0 || current.begun ? "running" : "queued";
      return {
        course: { ...course, status },
        effects: [info("The pipeline was resumed"), ...onJob("resume", current)],
      };
    }
    case "cancelled": {
      const effects = [...onJob("cancel", current), warn("The pipeline was cancelled")];
      return over(course, { status: "cancelled", model: null, error: null }, effects);
    }
  }
}

function stageEnded(plan: readonly PlannedStage[], course: Course, { status, ...result }: Ended): Step {
  const { model, metrics, tokens, error } = result;
  const name = plan[course.at]!.name;
  if (status === "cancelled") {
    const next = withStage(course, { ended: status, tokens });
    const message = `${label(plan, course.at)}: its job was cancelled, and with it the pipeline`;
    return over(next, { status: "cancelled", model: null, error: null }, [warn(message)]);
  }
  if (status === "failed") {
    const why = error ?? { code: "internal_error", message: "It did not say why.", param: null };
    return failed(plan, withStage(course, { ended: status, tokens }), why);
  }
  const { gate } = plan[course.at]!;
  const judged = gate === undefined ? null : judge(gate, metrics);
  const done = { begun: true, ended: status, model, metrics, tokens };
  if (judged === null) return accepted(plan, withStage(course, done), "");
  if (judged.outcome === null) {
    const next = withStage(course, done);
    const param = `${stagePath(course.at)}.gate.metric`;
    const message = `The gate of the stage ${name} cannot be judged: ${judged.reason}`;
    const ending = { status: "failed", model: null, error: { code: "invalid_request", message, param } } as const;
    return over(next, ending, [{ do: "say", level: "error", message }]);
  }
  const next = withStage(course, { ...done, gate: judged.outcome });
  if (judged.outcome.passed) return accepted(plan, next, `; gate passed: ${judged.reason}`);
  const reason = `The gate of the stage ${name} was not passed: ${judged.reason}.`;
  const { otherwise } = gate!;
  if (otherwise === "continue") return accepted(plan, next, `; gate not passed, going on: ${judged.reason}`, "warn");
  const reached = acceptedBefore(plan, course);
  const said = `${reason} ${reached.words}`;
  const stopped = { ...next, stopped: { stage: name, reason } };
  const ending =
    otherwise === "stop" && reached.model !== null
      ? ({ status: "succeeded", model: reached.model, error: null } as const)
      : ({
          status: "failed",
          model: null,
          error: { code: "gate_not_passed", message: said, param: `${stagePath(course.at)}.gate` },
        } as const);
  const level = ending.status === "failed" ? "error" : "warn";
  return over(stopped, ending, [{ do: "say", level, message: said }]);
}

/** The stage counts, and the next one is due; after the last, the pipeline has succeeded. */
function accepted(plan: readonly PlannedStage[], course: Course, gate: string, level: "info" | "warn" = "info"): Step {
  const { metrics, model } = course.stages[course.at]!;
  const shown = inWords(metrics ?? {});
  const message = `${label(plan, course.at)}: succeeded${shown === "" ? "" : `, ${shown}`}${gate}`;
  const effects: Effect[] = [{ do: "say", level, message }];
  // A stage may have succeeded while the pipeline was paused: it stays so.
  const next: Course = { ...course, at: course.at + 1 };
  if (next.at < plan.length) return { course: next, effects };
  const all = `The pipeline has successfully completed: all of its ${plan.length} stages`;
  return over(next, { status: "succeeded", model, error: null }, [...effects, info(all)]);
}

function failed(plan: readonly PlannedStage[], course: Course, error: NonNullable<Job["error"]>): Step {
  const name = plan[course.at]!.name;
  const message = `The stage ${name} failed: ${error.message}`;
  const place = stagePath(course.at);
  const param = error.param === null ? place : `${place}.${error.param}`;
  const ending = { status: "failed", model: null, error: { code: error.code, message, param } } as const;
  return over(course, ending, [{ do: "say", level: "error", message }]);
}

function over(
  course: Course,
  ending: { readonly status: JobStatus; readonly model: string | null; readonly error: Job["error"] },
  effects: readonly Effect[],
): Step {
  const tokens = course.stages.reduce((sum, stage) => sum + stage.tokens, 0);
  return { course: { ...course, status: ending.status }, effects: [...effects, { do: "end", tokens, ...ending }] };
}

/**
 * What a pipeline has when the stage whose turn it is does not count: the model that this one started from, or else the newest that
 * answers; and all results in words.
 */
function acceptedBefore(plan: readonly PlannedStage[], { stages, at }: Course) {
  const done = stages.slice(0, at).map(({ model }, index) => ({ ...plan[index]!, model }));
  const { from } = plan[at]!;
  const reached = done.findLast(({ name, scores }) => (from === undefined ? scores !== true : name === from));
  const list = done.map((stage) => `${stage.name} (${stage.model})`).join(", ");
  return {
    model: reached?.model ?? null,
    words: list === "" ? "No stage before it was reached." : `Reached before it: ${list}.`,
  };
}

function withStage(course: Course, change: Partial<StageCourse>): Course {
  const stages = course.stages.map((stage, index) => (index === course.at ? { ...stage, ...change } : stage));
  return { ...course, stages };
}

function onJob(act: "pause" | "resume" | "cancel", { job }: StageCourse): Effect[] {
  return job === null ? [] : [{ do: act, job }];
}

/** `Stage 2 of 3, rm` */
function label(plan: readonly PlannedStage[], at: number): string {
  return `Stage ${at + 1} of ${plan.length}, ${plan[at]!.name}`;
}

/** How many metrics an event shows. */
const SHOWN_METRICS = 6;

function inWords(metrics: Metrics): string {
  const shown = Object.entries(metrics).slice(0, SHOWN_METRICS);
  return shown.map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`).join(", ");
}

const info = (message: string): Effect => ({ do: "say", level: "info", message });
const warn = (message: string): Effect => ({ do: "say", level: "warn", message });
