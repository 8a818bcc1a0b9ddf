/** The queue by tenant: who waits, with how much running, and who gives a trainer up. */
import type { Lane } from "../../../shared/api/lanes.ts";
import type { Executor } from "../../../shared/api/methods.ts";
import { DEFAULTS, LIMITS } from "../../../shared/limits.ts";
import type { Database } from "../database.ts";
import { type Line, yieldsTurn } from "./fair-turns.ts";

/** The executors whose jobs a trainer takes: its own, and those that no recent trainer offers. */
export function runnableBy(db: Database, executors: readonly Executor[]): readonly Executor[] {
  const offered = new Set(
    db
      .all<{ executors: string }>("SELECT executors FROM trainers")
      .flatMap((row) => JSON.parse(row.executors) as Executor[]),
  );
  const unoffered = (["onnxruntime", "tensorflow"] as const).filter((executor) => !offered.has(executor));
  return [...new Set([...executors, ...unoffered])];
}

/** The tenants with jobs in a lane that wait for such a trainer. */
export function linesOf(db: Database, lane: Lane, executors: readonly Executor[]): Line[] {
  return db.all<Line & Record<string, string | number>>(
    `SELECT tenant, min(n) AS first,
       (SELECT count(*) FROM queue AS held WHERE held.tenant = queue.tenant AND held.lane = queue.lane AND held.state = 'leased') AS running,
       coalesce((SELECT running FROM queue_limits WHERE queue_limits.tenant = queue.tenant), ?) AS most,
       coalesce((SELECT fence FROM lane_turns WHERE lane_turns.tenant = queue.tenant AND lane_turns.lane = queue.lane), 0) AS lastTurn
     FROM queue WHERE state = 'queued' AND lane = ? AND (executor IS NULL OR executor IN (${executors.map(() => "?").join(", ")}))
     GROUP BY tenant`,
    DEFAULTS.runningJobs,
    lane,
    ...executors,
  );
}

/**
 * Whether a job has to give its trainer up at its next checkpoint, because other tenants wait for one. Once it has to, it has to for as
 * long as they wait.
 */
export function noteYield(db: Database, hold: { job: string; fence: number }, now: number): boolean {
  const row = db.get<{ tenant: string; lane: Lane; trainer: string | null; leased_at: number | null }>(
    "SELECT tenant, lane, trainer, leased_at FROM queue WHERE job = ? AND fence = ?",
    hold.job,
    hold.fence,
  );
  if (row === undefined || row.leased_at === null) return false;
  const trainer = db.get<{ executors: string }>("SELECT executors FROM trainers WHERE id = ?", row.trainer);
  // A trainer that has not asked for work since it took this job is as able as it was then.
  const executors =
    trainer === undefined ? (["onnxruntime", "tensorflow"] as const) : (JSON.parse(trainer.executors) as Executor[]);
  const held = db.all<{ tenant: string; job: string; yielding: 0 | 1 }>(
    "SELECT tenant, job, yielding FROM queue WHERE lane = ? AND state = 'leased'",
    row.lane,
  );
  const yields = yieldsTurn(
    {
      tenant: row.tenant,
      running: held.filter(({ tenant }) => tenant === row.tenant).length,
      heldMs: now - row.leased_at,
      sliceMs: LIMITS.trainerSliceMs,
    },
    linesOf(db, row.lane, runnableBy(db, executors)),
    held.filter(({ job, yielding }) => job !== hold.job && yielding === 1).length,
  );
  db.run("UPDATE queue SET yielding = ? WHERE job = ?", yields ? 1 : 0, hold.job);
  return yields;
}

/** Sets how many jobs of a tenant may run at a time. */
export function noteLimit(db: Database, tenant: string, running: number): void {
  db.run("INSERT OR REPLACE INTO queue_limits (tenant, running) VALUES (?, ?)", tenant, running);
}
