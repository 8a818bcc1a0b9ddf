/** What the trials of sweeps that have not ended still need, whether or not they are jobs yet. */
import type { Database } from "../../database.ts";

const ENDED = "('succeeded', 'failed', 'cancelled')";

/** A sweep that has not ended and has a trial that reads the file. */
export function sweepNeedingFile(db: Database, file: string): string | undefined {
  return db.get<{ sweep: string }>(
    `SELECT sweep FROM sweep_trials JOIN jobs ON jobs.id = sweep_trials.sweep
     WHERE jobs.status NOT IN ${ENDED} AND EXISTS (
       SELECT 1 FROM json_tree(sweep_trials.plan, '$.request') WHERE json_tree.atom = ?) LIMIT 1`,
    file,
  )?.sweep;
}

/** A sweep that has not ended and has a trial that continues from the artefact. */
export function sweepOnArtefact(db: Database, artefact: string): string | undefined {
  return db.get<{ sweep: string }>(
    `SELECT sweep FROM sweep_trials JOIN jobs ON jobs.id = sweep_trials.sweep
     WHERE jobs.status NOT IN ${ENDED} AND json_extract(plan, '$.parent.artefact') = ? LIMIT 1`,
    artefact,
  )?.sweep;
}
