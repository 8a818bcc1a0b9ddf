import { unknownModel } from "../../unknown-model.ts";
import { findArtefact } from "../artefact-rows.ts";
import type { TenantContext } from "../context.ts";
import { say } from "../job-course.ts";
import { addJob, requireJob, specOf } from "../job-rows.ts";
import { withTrial } from "./course.ts";
import { keepSweepCourse, plannedTrial, sweepCourse } from "./sweep-rows.ts";

/**
 * Creates the job of a trial, and records it in the sweep's course, in the caller's transaction. The caller hands the job to the
 * Dispatcher.
 *
 * @throws TrimtabError what the creation of a job throws.
 */
export function startTrial(context: TenantContext, sweep: string, place: number): void {
  const { db } = context;
  const plan = plannedTrial(db, sweep, place + 1);
  const { parent, method, base, trial } = plan;
  if (parent !== undefined && findArtefact(db, parent.artefact) === undefined) throw unknownModel(parent.model);
  const spec = specOf(requireJob(db, sweep));
  const { metadata: _, ...request } = plan.request;
  const suffix = [spec.suffix, `t${trial}`].filter((part) => part !== null).join("-");
  const id = context.newId("job");
  const seed = request.seed ?? spec.seed;
  addJob(
    db,
    { id, request: { ...request, suffix }, method, seed, base, parent, sweep: { job: sweep, trial } },
    context.now(),
  );
  say(context, id, { level: "info", message: `Created fine-tuning job: ${id}, trial ${trial} of ${sweep}` });
  say(context, sweep, { level: "info", message: `Trial ${trial}: queued as ${id}` });
  keepSweepCourse(db, sweep, withTrial(sweepCourse(db, sweep)!, place, { job: id, state: "live" }));
}
