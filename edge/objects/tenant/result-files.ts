/**
 * The result files of a job: its steps, made here from the stored events, and the files that its trainer kept. The events name each
 * step once, however often a restarted run repeats it.
 */

import { type StepMetrics, stepMetricsCsv, stepMetricsEvents } from "../../../shared/data/step-metrics.ts";
import { sha256Hex } from "../../../shared/formats/digest.ts";
import type { CheckedDataset } from "../../blobs/dataset-check.ts";
import { readyBlob, reserveBlob } from "../blob-ledger.ts";
import { type Database, seconds } from "../database.ts";
import type { TenantContext } from "./context.ts";

/** A file whose bytes are stored but that no reply shows yet. */
export interface StoredResultFile {
  readonly id: string;
  readonly blob: string;
  readonly filename: string;
  readonly bytes: number;
  readonly sha256: string;
  /** JSON of a `CheckedDataset`, of a file that jobs can train on. */
  readonly dataset?: string | null;
}

export function stepMetricsOf(db: Database, job: string): StepMetrics[] {
  const rows = db.all<{ created_at: number; data: string }>(
    "SELECT created_at, data FROM events WHERE job = ? AND type = 'metrics' AND step IS NOT NULL ORDER BY step",
    job,
  );
  return rows.map(({ created_at, data }) => ({ at: created_at, data: JSON.parse(data) as Record<string, unknown> }));
}

/**
 * Stores what is made from the steps of a job that is about to succeed; nothing if no step has reported. Files that are never added
 * are swept.
 */
export async function storeResultFiles(context: TenantContext, job: string): Promise<StoredResultFile[]> {
  const steps = stepMetricsOf(context.db, job);
  const [first] = steps;
  if (first === undefined) return [];
  const contents = {
    "step_metrics.csv": new TextEncoder().encode(stepMetricsCsv(steps)),
    [`events.out.tfevents.${first.at}.${job}`]: stepMetricsEvents(steps),
  };
  const stored: StoredResultFile[] = [];
  for (const [filename, bytes] of Object.entries(contents)) {
    const id = context.newId("file");
    const blob = `tenants/${context.tenant().id}/files/${id}`;
    reserveBlob(context.db, blob, context.now());
    await context.env.BLOBS.put(blob, bytes);
    stored.push({ id, blob, filename, bytes: bytes.length, sha256: await sha256Hex(bytes) });
  }
  return stored;
}

/** Shows stored files as the job's; within the transaction that ends it. */
export function addResultFiles(db: Database, job: string, stored: readonly StoredResultFile[], now: number): void {
  for (const { id, blob, filename, bytes, sha256, dataset = null } of stored) {
    const held = dataset === null ? NOTHING : (JSON.parse(dataset) as CheckedDataset);
    db.run(
      `INSERT INTO files (id, state, blob, filename, bytes, sha256, format, lines, trainable, created_at, job)
       VALUES (?, 'ready', ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      id,
      blob,
      filename,
      bytes,
      sha256,
      held.format,
      held.lines,
      held.trainable,
      seconds(now),
      job,
    );
    if (held.dataset !== null) {
      db.run("INSERT OR REPLACE INTO file_facts (file, facts) VALUES (?, ?)", id, JSON.stringify(held.dataset));
    }
    readyBlob(db, blob, now);
  }
}

const NOTHING = { format: "", lines: 0, trainable: 0, dataset: null } as const;

/**
 * The ids of a job's result files that were not deleted: of one that has succeeded, the table of its steps first, if any step has
 * reported; then the files that were kept for its owner, which a job that failed or was cancelled shows alone.
 */
export function resultFilesOf(db: Database, job: string): string[] {
  return db
    .all<{ id: string }>("SELECT id FROM files WHERE job = ? AND state = 'ready' ORDER BY n", job)
    .map(({ id }) => id);
}
