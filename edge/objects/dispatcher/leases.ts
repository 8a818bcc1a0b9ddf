import type { JobStatus } from "../../../shared/api/jobs.ts";
import type { Lease, LeaseRequest } from "../../../shared/api/trainer.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { DEFAULTS } from "../../../shared/limits.ts";
import { objectModule } from "../module.ts";
import { type Remote, remote, stubOf } from "../rpc.ts";
import type { BegunLease } from "../tenant/holds.ts";
import type { Tenant } from "../tenant.ts";
import { noteEnded } from "./notices.ts";
import {
  isExhausted,
  isLapsed,
  lapsedLeases,
  nextLapse,
  postponeLapse,
  type QueueRow,
  removeLeased,
  requeue,
  takeJob,
} from "./queue-rows.ts";

/** How soon to retry a lapse that the tenant could not settle. */
const RETRY_MS = 5_000;

/** The queue, as trainers see it: grants leases and watches for those that lapse. */
export const leases = objectModule({
  schema: [],
  open(context) {
    const { db, now, rearm } = context;
    const leasesOf = (tenant: string): Remote<Tenant>["leases"] =>
      remote<Tenant>(stubOf(context.env.TENANT, tenant)).leases;

    /**
     * Tells the tenant about a lease. A job that the tenant cannot start stays leased until it lapses, so it does not
     * block the queue.
     */
    const begin = async (row: QueueRow): Promise<BegunLease | undefined> => {
      const { job, fence, attempts: attempt, tenant, lease_seconds: leaseSeconds } = row;
      try {
        return await leasesOf(tenant).begin({ job, fence, tenant, attempt, leaseSeconds });
      } catch (error) {
        console.error(`the lease of ${job} could not be begun`, error);
        return undefined;
      }
    };

    /** Removes a job for which its tenant needs no trainer: it has ended in some way, is paused (null), or does not exist. */
    const remove = (row: QueueRow, ended: JobStatus | "unknown" | null): void =>
      db.transaction(() => {
        const removed = removeLeased(db, row, { mayComeBack: ended === null });
        if (removed && ended !== null && ended !== "unknown") {
          noteEnded(db, row.job, { version: row.version, ended }, now());
        }
      });

    const settleLapse = async (row: QueueRow): Promise<void> => {
      const { job, fence, tenant, attempts } = row;
      try {
        if (isExhausted(row)) {
          remove(row, await leasesOf(tenant).giveUp({ job, fence }, attempts));
          return;
        }
        requeue(db, row);
        await leasesOf(tenant).noteLapse({ job, fence }, attempts);
      } catch (error) {
        if (error instanceof TrimtabError && error.code === "not_found") {
          // The tenant is gone, and its job with it.
          removeLeased(db, row, { mayComeBack: false });
          return;
        }
        console.error(`the lapsed lease of ${job} could not be settled`, error);
        postponeLapse(db, row, now() + RETRY_MS);
      }
    };

    return {
      calls: {
        /** Leases the next job; null if there is none. */
        async take(request: LeaseRequest): Promise<Lease | null> {
          const { trainer, executors, lanes, lease_seconds: leaseSeconds = DEFAULTS.leaseSeconds } = request;
          for (;;) {
            const row = db.transaction(() => takeJob(db, { trainer, executors, lanes, leaseSeconds }, now()));
            // The alarm is armed before the tenant is told: a crash in between leaves a lease that lapses.
            await rearm();
            if (row === undefined) return null;
            const begun = await begin(row);
            if (begun?.lease != null) return begun.lease;
            if (begun !== undefined) remove(row, begun.ended);
          }
        },
      },
      duty: {
        async run() {
          for (const row of lapsedLeases(db, now())) {
            if (isLapsed(db, row, now())) await settleLapse(row);
          }
        },
        next: () => nextLapse(db),
      },
    };
  },
});
