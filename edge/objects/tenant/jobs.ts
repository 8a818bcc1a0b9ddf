import type { CreateJob, Job, JobFilter } from "../../../shared/api/jobs.ts";
import type { ListOf } from "../../../shared/api/lists.ts";
import type { Method } from "../../../shared/api/methods.ts";
import { modelsNamedByJob } from "../../../shared/api/pipeline-references.ts";
import type { JobMethod } from "../../../shared/api/pipelines.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { type Idempotency, settleCreation } from "../idempotency.ts";
import { unknownModel } from "../unknown-model.ts";
import { findArtefact } from "./artefact-rows.ts";
import { tenantModule } from "./context.ts";
import type { JobEvalTemplate } from "./evals/job-eval-rows.ts";
import type { JobBase } from "./job-base.ts";
import { end, say } from "./job-course.ts";
import { jobModels } from "./job-models.ts";
import { jobNoticesDuty, tellDispatcher } from "./job-notices.ts";
import type { JobParent } from "./job-parent.ts";
import { addJob, isTerminal, jobNeedingFile, jobOf, listJobs, pauseJob, requeueJob, requireJob } from "./job-rows.ts";
import { changePipeline } from "./pipelines/change.ts";
import { courseOf, liveStage } from "./pipelines/pipeline-rows.ts";
import { requireKept } from "./rehearsal-file.ts";
import { changeSweep } from "./sweeps/change.ts";
import { liveTrial, sweepCourse } from "./sweeps/sweep-rows.ts";

export interface JobRequest {
  readonly request: CreateJob;
  /** The request's method, complete and checked against the base. */
  readonly method: Method;
  readonly base: JobBase;
  readonly parent?: JobParent | undefined;
  /** What it is measured by, before and after. */
  readonly evals?: readonly JobEvalTemplate[] | undefined;
}

/** Jobs, as their tenant sees them. */
export const jobs = tenantModule({
  schema: [
    `CREATE TABLE IF NOT EXISTS jobs (
      n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, status TEXT NOT NULL, base TEXT NOT NULL, spec TEXT NOT NULL,
      created_at INTEGER NOT NULL, finished_at INTEGER, fence INTEGER NOT NULL DEFAULT 0, queued INTEGER NOT NULL DEFAULT 0,
      queueings INTEGER NOT NULL DEFAULT 0,
      fine_tuned_model TEXT, result TEXT, trained_tokens INTEGER, estimated_finish INTEGER, hyperparameters TEXT, error TEXT)`,
    "ALTER TABLE jobs ADD COLUMN metrics TEXT",
    "ALTER TABLE jobs RENAME COLUMN queued TO told",
    "ALTER TABLE jobs RENAME COLUMN queueings TO changes",
  ],

  needsFile(db, file) {
    const job = jobNeedingFile(db, file);
    return job && `The job ${job} still needs this file. Cancel the job or wait for its end.`;
  },

  open(context) {
    const { db, now } = context;
    const seed = () => new DataView(context.random(new Uint8Array(4)).buffer).getUint32(0) >>> 1;
    const changed = async (id: string, change: "cancelled" | "paused" | "resumed"): Promise<Job> => {
      await (sweepCourse(db, id) === undefined ? changePipeline : changeSweep)(context, id, change);
      return get(id);
    };
    /** Whether the job is one that has others run. */
    const runsJobs = (id: string): boolean => courseOf(db, id) !== undefined || sweepCourse(db, id) !== undefined;
    const get = (id: string): Job => jobOf(db, requireJob(db, id));

    /** The job's status. Throws `conflict` for a job that has ended with another status than `wanted`. */
    const requireUnended = (id: string, wanted: "cancelled" | "paused" | "resumed"): Job["status"] => {
      const { status } = requireJob(db, id);
      const place = liveStage(db, id);
      if (place !== undefined) {
        const message = `The job ${id} is the stage ${place.stage} of the pipeline ${place.job}, and only the pipeline can be ${wanted}.`;
        throw new TrimtabError("conflict", message);
      }
      const trial = wanted === "cancelled" ? undefined : liveTrial(db, id);
      if (trial !== undefined) {
        const message = `The job ${id} is trial ${trial.trial} of the sweep ${trial.job}. It can be cancelled, but only the sweep can be ${wanted}.`;
        throw new TrimtabError("conflict", message);
      }
      if (isTerminal(status) && status !== wanted) {
        throw new TrimtabError("conflict", `The job ${id} has ended (${status}) and cannot be ${wanted}.`);
      }
      return status;
    };

    return {
      calls: {
        async create(job: JobRequest, key: Idempotency | null): Promise<Job> {
          const id = context.newId("job");
          const created = db.transaction(() => {
            const { parent } = job;
            // It may have been deleted since the request named it.
            if (parent !== undefined && findArtefact(db, parent.artefact) === undefined)
              throw unknownModel(parent.model);
            const row = addJob(db, { ...job, id, seed: job.request.seed ?? seed() }, now());
            say(context, id, { level: "info", message: `Created fine-tuning job: ${id}` });
            const shown = jobOf(db, row);
            settleCreation(db, key, shown);
            return shown;
          });
          await tellDispatcher(context);
          return created;
        },

        get,

        list: (filter: JobFilter): ListOf<Job> => listJobs(db, filter),

        /** Refuses a method that names deltas which a job on this base cannot use; see `jobModels`. */
        checkModels(method: JobMethod, base: Pick<JobBase, "id" | "digest">): void {
          jobModels(db, modelsNamedByJob(method), base);
        },

        /** Throws what `addJob` does for settings that need other files than those that they have. */
        checkKept(method: Method, validation: string | null): void {
          requireKept(db, method, { validation });
        },

        /** Ends a job at once; its trainer is told at its next call. */
        async cancel(id: string): Promise<Job> {
          if (runsJobs(id) && requireUnended(id, "cancelled")) return changed(id, "cancelled");
          if (requireUnended(id, "cancelled") !== "cancelled") {
            db.transaction(() => end(context, id, { status: "cancelled", message: "The job was cancelled" }));
          }
          await tellDispatcher(context);
          return get(id);
        },

        /** Stops a job at its next checkpoint and keeps its progress. */
        async pause(id: string): Promise<Job> {
          if (runsJobs(id) && requireUnended(id, "paused")) return changed(id, "paused");
          if (requireUnended(id, "paused") !== "paused") {
            db.transaction(() => {
              pauseJob(db, id);
              say(context, id, { level: "info", message: "The job was paused" });
            });
            await tellDispatcher(context);
          }
          return get(id);
        },

        async resume(id: string): Promise<Job> {
          if (runsJobs(id) && requireUnended(id, "resumed")) return changed(id, "resumed");
          if (requireUnended(id, "resumed") === "paused") {
            db.transaction(() => {
              requeueJob(db, id);
              say(context, id, { level: "info", message: "The job was resumed" });
            });
            await tellDispatcher(context);
          }
          return get(id);
        },
      },

      duty: jobNoticesDuty(context),
    };
  },
});
