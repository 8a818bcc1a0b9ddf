import type { Checkpoint } from "../../../shared/api/jobs.ts";
import type { ListOf, Page } from "../../../shared/api/lists.ts";
import type { CheckpointReply } from "../../../shared/api/trainer.ts";
import { dropReservation, reserveBlob } from "../blob-ledger.ts";
import type { Hold } from "../hold.ts";
import { keepResumeState, listCheckpoints } from "./checkpoint-rows.ts";
import { tenantModule } from "./context.ts";
import { requireHold } from "./holds.ts";
import { attempt } from "./job-course.ts";
import { requireJob } from "./job-rows.ts";

/** Published checkpoints, and the states that trainers resume from. */
export const checkpoints = tenantModule({
  schema: [
    `CREATE TABLE IF NOT EXISTS resume_states (
      job TEXT PRIMARY KEY, step INTEGER NOT NULL, blob TEXT NOT NULL, bytes INTEGER NOT NULL, sha256 TEXT NOT NULL)`,
    `CREATE TABLE IF NOT EXISTS checkpoints (
      n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, job TEXT NOT NULL, step INTEGER NOT NULL, model TEXT NOT NULL,
      metrics TEXT NOT NULL, created_at INTEGER NOT NULL, UNIQUE (job, step))`,
  ],
  open: (context) => {
    const { db, now, rearm, newId, tenant } = context;
    return {
      calls: {
        list(job: string, page: Page): ListOf<Checkpoint> {
          requireJob(db, job);
          return listCheckpoints(db, job, page);
        },

        /** Records that a resume state is about to be stored. Returns the key for its bytes. */
        async beginResumeState(hold: Hold, step: number): Promise<string> {
          requireHold(db, hold);
          const place = `tenants/${tenant().id}/jobs/${hold.job}/resume`;
          const key = `${place}/${step}-${hold.fence}-${newId("checkpoint")}`;
          reserveBlob(db, key, now());
          await rearm();
          return key;
        },

        /** Makes stored bytes the state to resume from. */
        async keepResumeState(hold: Hold, state: CheckpointReply & { key: string }): Promise<CheckpointReply> {
          const { step, bytes, sha256, key } = state;
          db.transaction(() => {
            requireHold(db, hold);
            keepResumeState(db, { job: hold.job, step, blob: key, bytes, sha256 }, now());
          });
          await Promise.all([rearm(), attempt("note progress", context.dispatcher.queue.progress(hold))]);
          return { step, bytes, sha256 };
        },

        /** Abandons a resume state whose bytes did not arrive. */
        async dropResumeState(key: string): Promise<void> {
          dropReservation(db, key, now());
          await rearm();
        },
      },
    };
  },
});
