import type { Database } from "../../../edge/objects/database.ts";
import { updateSchema } from "../../../edge/objects/schema.ts";
import { beginFile, finishFile } from "../../../edge/objects/tenant/files.ts";
import type { JobBase } from "../../../edge/objects/tenant/job-base.ts";
import { addJob, type JobRow } from "../../../edge/objects/tenant/job-rows.ts";
import { TENANT_MODULES } from "../../../edge/objects/tenant/modules.ts";
import type { DatasetFacts } from "../../../shared/api/files.ts";
import { Method } from "../../../shared/api/methods.ts";
import { withDatabase } from "./database.ts";

export const BASE: JobBase = {
  id: "base",
  digest: "b".repeat(64),
  prefix: "bases/base/",
  files: [{ name: "config.json", bytes: 2, sha256: "c".repeat(64) }],
};

/** Runs a body over the database of a tenant named `t`. */
export function withTenant<T>(body: (db: Database, state: DurableObjectState) => T | Promise<T>): Promise<T> {
  return withDatabase((db, state) => {
    updateSchema(db, TENANT_MODULES);
    db.run("INSERT INTO tenant (id, created_at, requests_per_minute, tokens_per_minute) VALUES ('t', 1, 100, 100)");
    return body(db, state);
  });
}

/** What was found in a file of two chats. */
export const DATASET_FACTS: DatasetFacts = {
  format: "jsonl",
  compression: null,
  examples: 2,
  layouts: ["chat"],
  ignored_columns: [],
};

/** A file that is ready. */
export function givenFile(db: Database, id: string, trainable = 1, dataset = DATASET_FACTS): void {
  beginFile(db, { id, blob: `blob of ${id}` }, 1_000);
  const facts = {
    filename: `${id}.jsonl`,
    bytes: 3,
    sha256: "f".repeat(64),
    format: "chat",
    lines: 2,
    trainable,
    dataset,
  };
  finishFile(db, id, facts, 2_000);
}

/** A queued job on the file `file-1`. */
export function givenJob(db: Database, id: string): JobRow {
  if (db.get("SELECT 1 FROM files WHERE id = 'file-1'") === undefined) givenFile(db, "file-1");
  const request = { model: "base", training_file: "file-1", suffix: "s" };
  return addJob(db, { id, request, method: Method.parse({ type: "supervised" }), seed: 1, base: BASE }, 3_000);
}

export const JOB = "ftjob-0123456789abcdefghijklmn";
