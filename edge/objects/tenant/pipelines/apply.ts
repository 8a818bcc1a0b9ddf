/** What happens to pipelines, recorded: every function here changes rows and does nothing outside the object. */
import { scorerOf } from "../../../../shared/api/pipeline-references.ts";
import type { Pipeline } from "../../../../shared/api/pipelines.ts";
import type { TenantContext } from "../context.ts";
import { end, say } from "../job-course.ts";
import { isTerminal, pauseJob, requeueJob, requireJob, specOf } from "../job-rows.ts";
import { type Effect, type Happening, type PlannedStage, step } from "./course.ts";
import { courseOf, keepCourse, liveStage } from "./pipeline-rows.ts";

/** The stages of a pipeline's job. */
export function stagesOf(context: TenantContext, job: string): Pipeline["stages"] {
  return (specOf(requireJob(context.db, job)).method as unknown as { pipeline: Pipeline }).pipeline.stages;
}

function planOf(stages: Pipeline["stages"]): PlannedStage[] {
  return stages.map(({ name, gate, model, method }) => ({
    name,
    gate,
    from: typeof model === "object" ? model.stage : undefined,
    scores: scorerOf(method) !== undefined,
  }));
}

/**
 * Records that something has happened to a pipeline, with everything that follows from it. The caller's transaction makes it one write,
 * and the caller tells the Dispatcher afterwards.
 */
export function happen(context: TenantContext, job: string, happening: Happening): void {
  const before = courseOf(context.db, job);
  if (before === undefined) return;
  const { course, effects } = step(planOf(stagesOf(context, job)), before, happening);
  if (course === before) return;
  keepCourse(context.db, job, course);
  for (const effect of effects) apply(context, job, effect);
}

function apply(context: TenantContext, pipeline: string, effect: Effect): void {
  const { db } = context;
  switch (effect.do) {
    case "say":
      say(context, pipeline, effect);
      break;
    case "pause":
      if (isTerminal(requireJob(db, effect.job).status)) break;
      pauseJob(db, effect.job);
      say(context, effect.job, { level: "info", message: "The job was paused with its pipeline" });
      break;
    case "resume":
      if (requireJob(db, effect.job).status !== "paused") break;
      requeueJob(db, effect.job);
      say(context, effect.job, { level: "info", message: "The job was resumed with its pipeline" });
      break;
    case "cancel":
      if (isTerminal(requireJob(db, effect.job).status)) break;
      end(context, effect.job, { status: "cancelled", message: "The job was cancelled with its pipeline" });
      break;
    case "end": {
      const { status, error, model, tokens } = effect;
      db.run("UPDATE jobs SET fine_tuned_model = ?, trained_tokens = ? WHERE id = ?", model, tokens, pipeline);
      const message = `The pipeline has ended: ${status}`;
      end(context, pipeline, { status, message, ...(error === null ? {} : { error }) });
    }
  }
}

/** Tells a job's pipeline, if it has one, that a trainer has taken the job. */
export function noteBegun(context: TenantContext, job: string): void {
  const place = liveStage(context.db, job);
  if (place !== undefined) happen(context, place.job, { type: "begun", job });
}
