/** Published results and the model names that answer with them. A result goes with the last of its names. */
import type { ArtefactKind, StoredFile } from "../../../shared/api/artefacts.ts";
import { type Deleted, type ListOf, listOf, type Page } from "../../../shared/api/lists.ts";
import type { Delta, Model } from "../../../shared/api/models.ts";
import type { Result } from "../../../shared/api/trainer.ts";
import type { Manifest } from "../../../shared/delta/manifest.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import type { StoredFolder } from "../../blobs/stored-folder.ts";
import { doomBlob, readyBlob } from "../blob-ledger.ts";
import { type Database, seconds } from "../database.ts";
import { pageOf } from "../page.ts";
import type { JobBase } from "./jobs.ts";

export interface ArtefactRow {
  readonly id: string;
  readonly kind: ArtefactKind;
  readonly digest: string;
  readonly base_id: string;
  readonly base_digest: string;
  readonly prefix: string;
  readonly files: string;
  readonly bytes: number;
  /** A delta's, as JSON; null for a model. */
  readonly manifest: string | null;
  readonly job: string | null;
  readonly created_at: number;
}

export interface ModelRow {
  readonly id: string;
  readonly artefact: string;
  readonly base_id: string;
  readonly created_at: number;
}

/** Equal contents have equal ids. */
export function artefactId({ kind, digest }: Pick<Result, "kind" | "digest">): string {
  return `${kind}-${digest.slice(0, 32)}`;
}

/** Where a result's files lie in R2. */
export function artefactPrefix(tenant: string, kind: ArtefactKind, digest: string): string {
  return `tenants/${tenant}/${kind === "delta" ? "deltas" : "models"}/${digest}/`;
}

export interface Publication {
  readonly tenant: string;
  readonly name: string;
  readonly result: Result;
  readonly base: Pick<JobBase, "id" | "digest">;
  /** A delta's; null for a model. */
  readonly manifest: Manifest | null;
  /** null where no job made it. */
  readonly job: string | null;
}

/** Makes a name answer with a result whose bytes are stored and checked. */
export function publish(db: Database, publication: Publication, now: number): void {
  const { result, base, manifest } = publication;
  const prefix = artefactPrefix(publication.tenant, result.kind, result.digest);
  const id = artefactId(result);
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
  db.run(
    "INSERT OR IGNORE INTO models (id, artefact, base_id, created_at) VALUES (?, ?, ?, ?)",
    publication.name,
    id,
    base.id,
    seconds(now),
  );
}

export function findModel(db: Database, name: string): ModelRow | undefined {
  return db.get<ModelRow>("SELECT * FROM models WHERE id = ?", name);
}

export function listModels(db: Database, tenant: string): Model[] {
  return db.all<ModelRow>("SELECT * FROM models ORDER BY n DESC LIMIT 10000").map((row) => modelOf(row, tenant));
}

export function modelOf(row: ModelRow, tenant: string): Model {
  return {
    id: row.id,
    object: "model",
    created: row.created_at,
    owned_by: tenant,
    root: row.base_id,
    parent: row.base_id,
  };
}

export function deleteModel(db: Database, name: string, now: number): Deleted {
  const row = findModel(db, name);
  if (row === undefined) throw unknownModel(name);
  db.run("DELETE FROM models WHERE id = ?", name);
  const left = db.get("SELECT 1 FROM models WHERE artefact = ?", row.artefact);
  if (left === undefined) dropArtefact(db, row.artefact, now);
  return { id: name, object: "model", deleted: true };
}

function dropArtefact(db: Database, id: string, now: number): void {
  const row = db.get<ArtefactRow>("SELECT * FROM artefacts WHERE id = ?", id);
  if (row === undefined) return;
  for (const file of filesOf(row)) doomBlob(db, row.prefix + file.name, now);
  db.run("DELETE FROM artefacts WHERE id = ?", id);
}

export function unknownModel(name: string, param = "model"): TrimtabError {
  return new TrimtabError(
    "model_not_found",
    `The model ${JSON.stringify(name)} does not exist or is not yours. GET /v1/models lists what you can use.`,
    { param },
  );
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

export function listDeltas(db: Database, page: Page): ListOf<Delta> {
  const rows = pageOf<ArtefactRow>(db, { table: "artefacts", where: "kind = 'delta'" }, page);
  return listOf(
    rows.map((row) => deltaOf(db, row)),
    page.limit,
  );
}

export function requireDelta(db: Database, id: string, param: string): ArtefactRow {
  const row = findArtefact(db, id);
  if (row === undefined || row.kind !== "delta") {
    throw new TrimtabError("not_found", `There is no delta ${JSON.stringify(id)}.`, { param });
  }
  return row;
}

/** Deletes a delta and every name that answers with it. */
export function deleteDelta(db: Database, id: string, now: number): Deleted {
  requireDelta(db, id, "delta_id");
  db.run("DELETE FROM models WHERE artefact = ?", id);
  dropArtefact(db, id, now);
  return { id, object: "delta", deleted: true };
}

export function deltaOf(db: Database, row: ArtefactRow): Delta {
  const manifest = JSON.parse(row.manifest ?? "{}") as Manifest;
  return {
    id: row.id,
    object: "delta",
    created_at: row.created_at,
    model: row.base_id,
    base_digest: row.base_digest,
    digest: row.digest,
    bytes: row.bytes,
    methods: manifest.methods,
    trainable_parameters: manifest.trainable_parameters,
    metrics: manifest.metrics,
    parents: manifest.parents,
    fine_tuning_job_id: row.job,
    models: db.all<{ id: string }>("SELECT id FROM models WHERE artefact = ? ORDER BY n", row.id).map(({ id }) => id),
  };
}
