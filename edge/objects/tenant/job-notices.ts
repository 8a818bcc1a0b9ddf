/**
 * Keeps the Dispatcher's queue up to date with the tenant's jobs. Each change of a job notes in its own transaction that the Dispatcher
 * has to be told, and the alarm tells it until it has answered. Once in a while the tenant also compares all its jobs that have not
 * ended with the queue: what either side has lost since is found then.
 */
import { laneOf } from "../../../shared/api/methods.ts";
import { isTrained } from "../../../shared/api/pipelines.ts";
import type { Database } from "../database.ts";
import type { JobNotice } from "../dispatcher/notices.ts";
import type { Duty } from "../module.ts";
import type { TenantContext } from "./context.ts";
import { attempt, say } from "./job-course.ts";
import { awaitTrainer, baseOf, isTerminal, type JobRow, requireJob, specOf } from "./job-rows.ts";

/** How long after a change the alarm tells of it if the first attempt failed. */
const TELL_AGAIN_MS = 5_000;
/** How often the jobs are compared with the queue. */
const COMPARE_MS = 60_000;
/** Jobs in one call. */
const AT_ONCE = 100;

/** Tells the Dispatcher what has changed. The alarm goes on until that has succeeded. */
export async function tellDispatcher(context: TenantContext): Promise<void> {
  await context.rearm(TELL_AGAIN_MS);
  await attempt("tell the Dispatcher of jobs", tell(context));
  // Whatever else has come of the change is done now.
  await context.rearm();
}

async function tell(context: TenantContext): Promise<void> {
  const { db } = context;
  for (let after = 0; ; ) {
    const rows = untold(db, after);
    if (rows.length === 0) return;
    await context.dispatcher.queue.notice(rows.map((row) => noticeOf(context, row)));
    // A job that has changed in the meantime is told of again.
    for (const { id, changes } of rows) db.run("UPDATE jobs SET told = 1 WHERE id = ? AND changes = ?", id, changes);
    after = rows.at(-1)!.n;
  }
}

type NumberedRow = JobRow & { readonly n: number };

function untold(db: Database, after = 0): NumberedRow[] {
  // A tenant that was never created has no jobs.
  if (!db.has("jobs")) return [];
  return db.all<NumberedRow>("SELECT * FROM jobs WHERE told = 0 AND n > ? ORDER BY n LIMIT ?", after, AT_ONCE);
}

function noticeOf(context: TenantContext, row: JobRow): JobNotice {
  const { executor, method } = specOf(row);
  const runsJobs = !isTrained(method);
  const ended = isTerminal(row.status);
  return {
    job: row.id,
    tenant: context.tenant().id,
    executor,
    base: baseOf(row).id,
    ...(isTrained(method) ? { lane: laneOf(method) } : {}),
    version: row.changes,
    wanted: ended ? "ended" : runsJobs || row.status === "paused" ? "kept" : "queued",
    ended: ended ? row.status : null,
    runsJobs,
    fence: row.fence,
  };
}

/** Compares all jobs that have not ended with the queue. A job that nobody holds waits for a trainer again, whatever it was. */
async function compare(context: TenantContext): Promise<void> {
  const { db } = context;
  for (let after = 0; ; ) {
    const rows = db.all<NumberedRow>(
      "SELECT * FROM jobs WHERE finished_at IS NULL AND n > ? ORDER BY n LIMIT ?",
      after,
      AT_ONCE,
    );
    if (rows.length === 0) return;
    const jobs = rows.map((row) => ({
      ...noticeOf(context, row),
      running: row.status === "running" && isTrained(specOf(row).method),
    }));
    const unheld = new Set(await context.dispatcher.queue.compare(jobs));
    for (const { id, fence } of rows.filter((row) => unheld.has(row.id))) {
      const row = requireJob(db, id);
      if (row.fence !== fence || row.status !== "running") continue;
      db.transaction(() => {
        awaitTrainer(db, id);
        say(context, id, { level: "warn", message: "No trainer holds the job any more; it is queued again" });
      });
    }
    after = rows.at(-1)!.n;
  }
}

/** Tells what is still to be told, and compares. */
export function jobNoticesDuty(context: TenantContext): Duty {
  const { db, now } = context;
  /** In milliseconds; an object that has just woken compares first. */
  let comparedAt = 0;
  return {
    async run() {
      if (!db.has("jobs")) return;
      await tell(context);
      if (now() < comparedAt + COMPARE_MS && comparedAt <= now()) return;
      await compare(context);
      comparedAt = now();
    },
    next() {
      if (untold(db).length > 0) return 0;
      if (!db.has("jobs")) return null;
      const busy = "SELECT 1 FROM jobs WHERE status IN ('queued', 'running') AND finished_at IS NULL LIMIT 1";
      return db.get(busy) === undefined ? null : comparedAt + COMPARE_MS;
    },
  };
}
