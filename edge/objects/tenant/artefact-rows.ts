/** Published results, and the model names that serve them. A result is deleted with the last of its names. */
import type { ArtefactKindRow } from "../../../shared/api/artefact-kinds/kind.ts";
import { ARTEFACT_KINDS, type ArtefactKind } from "../../../shared/api/artefact-kinds/registry.ts";
import type { StoredFile } from "../../../shared/api/artefacts.ts";
import type { Result } from "../../../shared/api/trainer.ts";
import type { Manifest } from "../../../shared/delta/manifest.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import type { StoredFolder } from "../../blobs/stored-folder.ts";
import { doomBlob, readyBlob } from "../blob-ledger.ts";
import { type Database, seconds } from "../database.ts";
import type { JobBase } from "./job-base.ts";

export interface ArtefactRow {
  readonly id: string;
  readonly kind: ArtefactKind;
  readonly digest: string;
  readonly base_id: string;
  readonly base_digest: string;
  readonly prefix: string;
  readonly files: string;
  readonly bytes: number;
  /** JSON; null where the kind has none. */
  readonly manifest: string | null;
  readonly job: string | null;
  readonly created_at: number;
}

export interface ModelRow {
  readonly id: string;
  readonly artefact: string;
  readonly base_id: string;
  readonly created_at: number;
  /** JSON of the deltas that it stands on; null for none. */
  readonly on_top_of: string | null;
}

/** A delta that a model stands on: one that serves beneath the model's own result. */
export interface StackedDelta {
  /** The id of the artefact. */
  readonly artefact: string;
  readonly weight: number;
}

/** Equal contents have equal ids. */
export function artefactId({ kind, digest }: Pick<Result, "kind" | "digest">): string {
  return `${kind}-${digest.slice(0, 32)}`;
}

/** Where a result's files lie in R2. */
export function artefactPrefix(tenant: string, kind: ArtefactKind, digest: string): string {
  return `tenants/${tenant}/${ARTEFACT_KINDS[kind].folder}/${digest}/`;
}

export interface Publication {
  readonly tenant: string;
  readonly name: string;
  readonly result: Result;
  readonly base: Pick<JobBase, "id" | "digest">;
  /** null where the kind has none. */
  readonly manifest: Manifest | null;
  /** null where no job made it. */
  readonly job: string | null;
  /** The deltas that the name serves beneath the result; none if left out. */
  readonly onTopOf?: readonly StackedDelta[];
}

/** Records a result whose bytes are stored and checked, and binds the name to it if its kind serves requests. */
export function publish(db: Database, publication: Publication, now: number): void {
  const { result, base, manifest } = publication;
  const prefix = artefactPrefix(publication.tenant, result.kind, result.digest);
  const id = artefactId(result);
  const kind: ArtefactKindRow = ARTEFACT_KINDS[result.kind];
  db.run(
    `INSERT OR IGNORE INTO artefacts (id, kind, digest, base_id, base_digest, prefix, files, bytes, manifest, job, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    id,
    result.kind,
    result.digest,
    base.id,
    base.digest,
    prefix,
    JSON.stringify(result.files),
    result.files.reduce((sum, file) => sum + file.bytes, 0),
    manifest === null ? null : JSON.stringify(manifest),
    publication.job,
    seconds(now),
  );
  for (const file of result.files) readyBlob(db, prefix + file.name, now);
  if (kind.serves === null) return;
  db.run(
    "INSERT OR IGNORE INTO models (id, artefact, base_id, created_at, on_top_of) VALUES (?, ?, ?, ?, ?)",
    publication.name,
    id,
    base.id,
    seconds(now),
    stackJson(publication.onTopOf ?? []),
  );
}

/** The deltas that a model stands on. */
export function stackOf({ on_top_of: json }: ModelRow): readonly StackedDelta[] {
  return json === null ? [] : (JSON.parse(json) as StackedDelta[]);
}

export function stackJson(stack: readonly StackedDelta[]): string | null {
  return stack.length === 0 ? null : JSON.stringify(stack);
}

/** The models that stand on a result. */
export function modelsOn(db: Database, artefact: string): ModelRow[] {
  return db.all<ModelRow>(
    "SELECT * FROM models WHERE EXISTS (SELECT 1 FROM json_each(on_top_of) WHERE json_extract(value, '$.artefact') = ?)",
    artefact,
  );
}

/** @throws TrimtabError conflict while a model stands on the result. */
export function requireNothingOn(db: Database, artefact: string): void {
  const [model] = modelsOn(db, artefact);
  if (model === undefined) return;
  const message = `The model ${model.id} stands on this delta. Delete that model first; an edit's with DELETE /v1/edits.`;
  throw new TrimtabError("conflict", message, { param: "model" });
}

export function findModel(db: Database, name: string): ModelRow | undefined {
  return db.get<ModelRow>("SELECT * FROM models WHERE id = ?", name);
}

/** Deletes a result's record; its bytes are swept. */
export function dropArtefact(db: Database, id: string, now: number): void {
  const row = db.get<ArtefactRow>("SELECT * FROM artefacts WHERE id = ?", id);
  if (row === undefined) return;
  for (const file of filesOf(row)) doomBlob(db, row.prefix + file.name, now);
  db.run("DELETE FROM artefacts WHERE id = ?", id);
}

export function findArtefact(db: Database, id: string): ArtefactRow | undefined {
  return db.get<ArtefactRow>("SELECT * FROM artefacts WHERE id = ?", id);
}

export function folderOf(row: ArtefactRow): StoredFolder {
  return { digest: row.digest, prefix: row.prefix, files: filesOf(row) };
}

function filesOf(row: ArtefactRow): StoredFile[] {
  return JSON.parse(row.files) as StoredFile[];
}
