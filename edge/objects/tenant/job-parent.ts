import type { StoredFile } from "../../../shared/api/artefacts.ts";
import { MANIFEST_FILE } from "../../../shared/delta/manifest.ts";
import { SERVING_FILE } from "../../../shared/delta/serving-file.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import type { StoredFolder } from "../../blobs/stored-folder.ts";
import type { Database } from "../database.ts";
import { pipelineWithResult } from "./pipelines/pipeline-rows.ts";
import { sweepOnArtefact } from "./sweeps/sweep-needs.ts";

/** The tuned model that a job continues from, as it was when the job was created. */
export interface JobParent extends StoredFolder {
  /** The name that the request gave. */
  readonly model: string;
  /** The id of the artefact. */
  readonly artefact: string;
  readonly kind: "delta" | "model";
  /** `adapter`: the job trains the delta's own numbers further; left out where it trains on the merged weights. */
  readonly continue_with?: "adapter";
}

/** The files that a trainer needs: a delta's manifest and serving form, or all files of a model or of adapters that go on. */
export function parentFiles({ kind, files, continue_with: how }: JobParent): readonly StoredFile[] {
  return kind === "model" || how === "adapter"
    ? files
    : files.filter(({ name }) => name === MANIFEST_FILE || name === SERVING_FILE);
}

/** @throws TrimtabError conflict while a job that has not ended continues from the artefact or uses it. */
export function requireNoJobOn(db: Database, artefact: string): void {
  const job = db.get<{ id: string; continues: 0 | 1 }>(
    `SELECT id, json_extract(spec, '$.parent.artefact') IS ?1 AS continues FROM jobs
     WHERE status NOT IN ('succeeded', 'failed', 'cancelled') AND (json_extract(spec, '$.parent.artefact') = ?1
     OR EXISTS (SELECT 1 FROM json_each(spec, '$.models') WHERE json_extract(value, '$.artefact') = ?1)) LIMIT 1`,
    artefact,
  );
  const pipeline = pipelineWithResult(db, artefact);
  if (pipeline !== undefined) {
    const message = `The pipeline ${pipeline} still needs this result of one of its stages. Cancel it or wait for its end.`;
    throw new TrimtabError("conflict", message);
  }
  const sweep = sweepOnArtefact(db, artefact);
  if (sweep !== undefined) {
    const message = `The sweep ${sweep} has trials that continue from this model. Cancel it or wait for its end.`;
    throw new TrimtabError("conflict", message);
  }
  if (job === undefined) return;
  const how = job.continues ? "continues from" : "uses";
  throw new TrimtabError("conflict", `The job ${job.id} ${how} this model. Cancel the job or wait for its end.`);
}
