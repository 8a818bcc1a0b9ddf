import type { CreateJob, Job } from "../../../../shared/api/jobs.ts";
import type { SweepSettings } from "../../../../shared/api/sweeps.ts";
import { TrimtabError } from "../../../../shared/errors.ts";
import { rungsOf } from "../../../../shared/trials/rungs.ts";
import { type Idempotency, settleCreation } from "../../idempotency.ts";
import { unknownModel } from "../../unknown-model.ts";
import { findArtefact } from "../artefact-rows.ts";
import { tenantModule } from "../context.ts";
import type { JobEvalTemplate } from "../evals/job-eval-rows.ts";
import { attempt, say } from "../job-course.ts";
import { tellDispatcher } from "../job-notices.ts";
import { addJob, jobOf, requireJobFiles } from "../job-rows.ts";
import { advanceSweep, sweepDueSoon } from "./advance.ts";
import { beginSweep } from "./course.ts";
import { sweepNeedingFile } from "./sweep-needs.ts";
import { addSweep, liveSweeps, type PlannedTrial, SWEEP_TABLES } from "./sweep-rows.ts";

/** How often a sweep is looked at although nothing is known to have happened. */
const LOOK_AGAIN_MS = 30_000;

export interface SweepRequest {
  readonly request: CreateJob;
  readonly settings: SweepSettings;
  /** Complete, and checked against their bases; in their order. */
  readonly trials: readonly PlannedTrial[];
  readonly seed: number;
  /** What it is measured by, before and after. */
  readonly evals?: readonly JobEvalTemplate[];
}

/** Jobs that compare others. */
export const sweeps = tenantModule({
  schema: SWEEP_TABLES,

  needsFile(db, file) {
    const job = sweepNeedingFile(db, file);
    return job && `The sweep ${job} still needs this file. Cancel it or wait for its end.`;
  },

  open(context) {
    const { db, now } = context;
    return {
      calls: {
        /** @throws TrimtabError what the creation of each trial's job would throw. */
        async create({ request, settings, trials, seed, evals }: SweepRequest, key: Idempotency | null): Promise<Job> {
          const id = context.newId("job");
          const created = db.transaction(() => {
            for (const trial of trials) requireStillThere(trial);
            const { base, parent } = trials[0]!;
            const method = { type: "sweep" as const, sweep: settings };
            const row = addJob(db, { id, request, method, seed, base, parent, evals }, now());
            const rungs = settings.halving === undefined ? null : rungsOf(settings.halving);
            addSweep(db, id, { course: beginSweep(trials.length, rungs), trials });
            say(context, id, {
              level: "info",
              message: `Created fine-tuning job: ${id}, a sweep of ${trials.length} trials`,
            });
            const shown = jobOf(db, row);
            settleCreation(db, key, shown);
            return shown;
          });
          // Armed first: a crash after this leaves a sweep that the alarm starts.
          await context.rearm();
          await tellDispatcher(context);
          await attempt("start a sweep", advanceSweep(context, id));
          return created;
        },
      },

      duty: {
        async run() {
          // One that cannot be carried on does not hold up the others; the alarm's next run tries it again.
          const work = liveSweeps(db).map((job) => advanceSweep(context, job));
          const failed = (await Promise.allSettled(work)).find(({ status }) => status === "rejected");
          if (failed !== undefined) throw (failed as PromiseRejectedResult).reason;
        },
        next() {
          const live = liveSweeps(db);
          if (live.some((job) => sweepDueSoon(db, job))) return 0;
          return live.length > 0 ? now() + LOOK_AGAIN_MS : null;
        },
      },
    };

    function requireStillThere({ trial, parent, method, request }: PlannedTrial): void {
      if (parent !== undefined && findArtefact(db, parent.artefact) === undefined) throw unknownModel(parent.model);
      try {
        requireJobFiles(db, method, request);
      } catch (error) {
        if (!(error instanceof TrimtabError)) throw error;
        const { code, message, param, data } = error;
        const details = { ...(param === undefined ? {} : { param }), data, cause: error };
        throw new TrimtabError(code, `Trial ${trial}: ${message}`, details);
      }
    }
  },
});
