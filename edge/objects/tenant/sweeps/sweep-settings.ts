import { SWEEP, type SweepSettings } from "../../../../shared/api/sweeps.ts";
import type { Database } from "../../database.ts";
import { requireJob, specOf } from "../job-rows.ts";
import type { SweepPlan } from "./course.ts";

/** The settings of a sweep's job. */
export function sweepSettings(db: Database, job: string): SweepSettings {
  return (specOf(requireJob(db, job)).method as unknown as { [SWEEP]: SweepSettings })[SWEEP];
}

export function planOf(db: Database, job: string): SweepPlan {
  const { parallel, goal, halving, prune } = sweepSettings(db, job);
  return { parallel, goal, eta: halving?.eta ?? 1, prune };
}
