import type { Job, JobStatus } from "../../../shared/api/jobs.ts";
import type { Heartbeat, HeartbeatReply, Release } from "../../../shared/api/trainer.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { LIMITS } from "../../../shared/limits.ts";
import type { BlobSource } from "../../blobs/blob-source.ts";
import type { Hold } from "../hold.ts";
import { tenantModule } from "./context.ts";
import { noteMeasured } from "./edits/edit-rows.ts";
import { keptMeasurement } from "./edits/measured.ts";
import {
  type BegunLease,
  beat,
  beginLease,
  type LeaseTerms,
  noteExtended,
  requireFence,
  requireHold,
} from "./holds.ts";
import type { JobBase } from "./job-base.ts";
import { attempt, end, say } from "./job-course.ts";
import { tellDispatcher } from "./job-notices.ts";
import { awaitTrainer, baseOf, isTerminal, requireJob, specOf } from "./job-rows.ts";
import { noteBegun } from "./pipelines/apply.ts";
import { type SourceName, sourceOf } from "./sources.ts";
import { noteHeld, noteTrialBegun } from "./sweeps/apply.ts";

/** Jobs that trainers hold. The Dispatcher makes the first three calls, trainers the others. */
export const leases = tenantModule({
  schema: [],
  open(context) {
    const { db } = context;
    return {
      calls: {
        begin: (terms: LeaseTerms): BegunLease =>
          db.transaction(() => {
            const begun = beginLease(db, terms);
            if (begun.lease !== null) {
              const { checkpoint } = begun.lease;
              const from = checkpoint === null ? "" : ` at step ${checkpoint.step}`;
              say(context, terms.job, { level: "info", message: `A trainer has taken the job${from}` });
              noteBegun(context, terms.job);
              noteTrialBegun(context, terms.job);
            }
            return begun;
          }),

        /** Called when the trainer was silent for the length of its lease. The job waits for another trainer. */
        noteLapse(hold: Hold, attempts: number): void {
          const row = requireJob(db, hold.job);
          // A lease of which the tenant never heard has taken the job from the one before.
          if (row.fence > hold.fence || row.status !== "running") return;
          db.transaction(() => {
            awaitTrainer(db, row.id);
            const left = LIMITS.leasesWithoutProgress - attempts;
            const message = `The trainer stopped answering; the job is queued again (tries left: ${left})`;
            say(context, row.id, { level: "warn", message });
          });
        },

        /** Fails a job on which no trainer made progress. Returns how the job ended; null if it is paused. */
        async giveUp(hold: Hold, attempts: number): Promise<JobStatus | null> {
          const row = requireJob(db, hold.job);
          if (isTerminal(row.status)) return row.status;
          if (row.status === "paused") return null;
          const message = `${attempts} trainers in a row stopped without a new checkpoint. Look into their logs, then create the job again.`;
          const error = { code: "internal_error", message, param: null };
          db.transaction(() => end(context, row.id, { status: "failed", error, message }));
          await tellDispatcher(context);
          return "failed";
        },

        async heartbeat(hold: Hold, report: Heartbeat): Promise<HeartbeatReply> {
          const { cancel, pause } = db.transaction(() => beat(db, hold, report));
          if (cancel || pause) return { cancel, pause, lease_seconds: 0 };
          const leaseSeconds = await context.dispatcher.queue.extend(hold);
          if (leaseSeconds === null) {
            throw new TrimtabError("stale_lease", `The lease of ${hold.job} has ended. Drop the job and lease again.`);
          }
          // Not before the queue has agreed: what the tenant says that somebody holds, somebody holds.
          noteExtended(db, hold);
          return { cancel, pause, lease_seconds: leaseSeconds };
        },

        /** Where a trainer may read an input of its job. */
        source: (hold: Hold, name: SourceName): BlobSource => sourceOf(db, requireHold(db, hold), name),

        /** The base of a job that the caller holds. */
        base(hold: Hold): Pick<JobBase, "id" | "digest"> {
          const { id, digest } = baseOf(requireHold(db, hold));
          return { id, digest };
        },

        /** Refuses a call for a job that the caller does not hold, or that has ended. */
        check(hold: Hold): void {
          requireHold(db, hold);
        },

        /** Fails a job that cannot be completed. */
        async fail(hold: Hold, error: NonNullable<Job["error"]>): Promise<JobStatus> {
          const held = requireFence(db, hold);
          const isEdit = specOf(held).method.type === "edit";
          // An edit may have been measured before it failed, such as one whose facts are all known.
          const measured = isEdit ? await keptMeasurement(context, held.id) : null;
          const ended = db.transaction(() => {
            const row = requireFence(db, hold);
            if (isTerminal(row.status)) return row.status;
            if (measured !== null) noteMeasured(db, row.id, measured);
            end(context, row.id, { status: "failed", error, message: error.message });
            return null;
          });
          if (ended !== null) return ended;
          await tellDispatcher(context);
          return "failed";
        },

        /** Takes a job back from a trainer that stops before its end. */
        async release(hold: Hold, reason: Release["reason"]): Promise<JobStatus> {
          const row = requireFence(db, hold);
          if (reason === "rung" && !isTerminal(row.status) && db.transaction(() => noteHeld(context, row.id))) {
            await tellDispatcher(context);
            return requireJob(db, row.id).status;
          }
          if (row.status === "running") {
            db.transaction(() => {
              awaitTrainer(db, row.id);
              const why = reason === "shutdown" ? "was shut down" : "handed the job back";
              say(context, row.id, { level: "info", message: `The trainer ${why}; the job is queued again` });
            });
            await attempt("release a job", context.dispatcher.queue.release(hold));
          }
          return requireJob(db, hold.job).status;
        },
      },
    };
  },
});
