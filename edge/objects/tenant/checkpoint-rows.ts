import type { Checkpoint } from "../../../shared/api/jobs.ts";
import type { ListOf, Page } from "../../../shared/api/lists.ts";
import type { ResumeState } from "../../../shared/api/trainer.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { doomBlob, readyBlob } from "../blob-ledger.ts";
import { type Database, seconds } from "../database.ts";
import { pageOf } from "../page.ts";

export interface ResumeRow {
  readonly job: string;
  readonly step: number;
  readonly blob: string;
  readonly bytes: number;
  readonly sha256: string;
}

interface CheckpointRow {
  readonly id: string;
  readonly job: string;
  readonly step: number;
  readonly model: string;
  readonly metrics: string;
  readonly created_at: number;
}

/**
 * Makes stored bytes the state that the next trainer resumes from; the state before it is doomed.
 *
 * @throws TrimtabError conflict for an earlier step than the stored one.
 */
export function keepResumeState(db: Database, state: ResumeRow, now: number): void {
  const before = db.get<ResumeRow>("SELECT * FROM resume_states WHERE job = ?", state.job);
  if (before !== undefined && before.step > state.step) {
    throw new TrimtabError(
      "conflict",
      `The job has a checkpoint of step ${before.step}; step ${state.step} is behind it.`,
    );
  }
  if (before !== undefined && before.blob !== state.blob) doomBlob(db, before.blob, now);
  readyBlob(db, state.blob, now);
  db.run(
    "INSERT OR REPLACE INTO resume_states (job, step, blob, bytes, sha256) VALUES (?, ?, ?, ?, ?)",
    state.job,
    state.step,
    state.blob,
    state.bytes,
    state.sha256,
  );
}

export function dropResumeState(db: Database, job: string, now: number): void {
  const row = db.get<ResumeRow>("SELECT * FROM resume_states WHERE job = ?", job);
  if (row === undefined) return;
  doomBlob(db, row.blob, now);
  db.run("DELETE FROM resume_states WHERE job = ?", job);
}

export function resumeRow(db: Database, job: string): ResumeRow | undefined {
  return db.get<ResumeRow>("SELECT * FROM resume_states WHERE job = ?", job);
}

export function resumeStateOf(db: Database, job: string, root: string): ResumeState | null {
  const row = resumeRow(db, job);
  if (row === undefined) return null;
  const { step, bytes, sha256 } = row;
  return { name: `step-${step}`, step, bytes, sha256, path: `${root}/checkpoints/${step}` };
}

/** Records a published checkpoint; an existing one of the same step stays. */
export function addCheckpoint(
  db: Database,
  checkpoint: { id: string; job: string; step: number; model: string; metrics: Readonly<Record<string, number>> },
  now: number,
): void {
  db.run(
    "INSERT OR IGNORE INTO checkpoints (id, job, step, model, metrics, created_at) VALUES (?, ?, ?, ?, ?, ?)",
    checkpoint.id,
    checkpoint.job,
    checkpoint.step,
    checkpoint.model,
    JSON.stringify(checkpoint.metrics),
    seconds(now),
  );
}

export function listCheckpoints(db: Database, job: string, page: Page): ListOf<Checkpoint> {
  const source = { table: "checkpoints", where: "job = ?", values: [job] };
  return pageOf(db, source, page, (row: CheckpointRow) => checkpointOf(db, row));
}

/** OpenAI's names of what a checkpoint was published with, measured on the whole validation file. */
const MEASURED = {
  full_valid_loss: "tuned_loss",
  full_valid_mean_token_accuracy: "valid_mean_token_accuracy",
} as const;

/** OpenAI's names of what the checkpoint's step reported. */
const REPORTED = {
  train_loss: "loss",
  train_mean_token_accuracy: "mean_token_accuracy",
  valid_loss: "valid_loss",
  valid_mean_token_accuracy: "valid_mean_token_accuracy",
} as const;

function checkpointOf(db: Database, row: CheckpointRow): Checkpoint {
  const published = JSON.parse(row.metrics) as Record<string, number>;
  const event = db.get<{ data: string }>(
    "SELECT data FROM events WHERE job = ? AND type = 'metrics' AND step = ?",
    row.job,
    row.step,
  );
  const reported = event === undefined ? {} : (JSON.parse(event.data) as Record<string, unknown>);
  return {
    object: "fine_tuning.job.checkpoint",
    id: row.id,
    created_at: row.created_at,
    step_number: row.step,
    fine_tuned_model_checkpoint: row.model,
    fine_tuning_job_id: row.job,
    metrics: { step: row.step, ...renamed(reported, REPORTED), ...renamed(published, MEASURED), ...published },
  };
}

/** The numbers that there are, by their new names. */
function renamed(
  metrics: Readonly<Record<string, unknown>>,
  names: Readonly<Record<string, string>>,
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(names).flatMap(([name, from]) => {
      const value = metrics[from];
      return typeof value === "number" ? [[name, value] as const] : [];
    }),
  );
}
