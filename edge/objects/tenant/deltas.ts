import type { Deleted, ListOf, Page } from "../../../shared/api/lists.ts";
import type { Delta } from "../../../shared/api/models.ts";
import type { Manifest } from "../../../shared/delta/manifest.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import type { StoredFolder } from "../../blobs/stored-folder.ts";
import type { Database } from "../database.ts";
import type { ReadyBase } from "../dispatcher/base-rows.ts";
import { pageOf } from "../page.ts";
import { type ArtefactRow, dropArtefact, findArtefact, folderOf, requireNothingOn } from "./artefact-rows.ts";
import { type StatusOf, tenantModule } from "./context.ts";
import { requireNoJobOn } from "./job-parent.ts";
import { deltasToMerge, type RequestedDelta } from "./resolve.ts";

export function listDeltas(db: Database, page: Page, statusOf: StatusOf): ListOf<Delta> {
  const source = { table: "artefacts", where: "kind = 'delta'" };
  return pageOf(db, source, page, (row: ArtefactRow) => deltaOf(db, row, statusOf));
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
  requireNoJobOn(db, id);
  requireNothingOn(db, id);
  db.run("DELETE FROM models WHERE artefact = ?", id);
  dropArtefact(db, id, now);
  return { id, object: "delta", deleted: true };
}

export function deltaOf(db: Database, row: ArtefactRow, statusOf: StatusOf): Delta {
  const manifest = JSON.parse(row.manifest ?? "{}") as Manifest;
  return {
    id: row.id,
    object: "delta",
    created_at: row.created_at,
    model: row.base_id,
    base_digest: row.base_digest,
    base_status: statusOf({ id: row.base_id, digest: row.base_digest }),
    digest: row.digest,
    bytes: row.bytes,
    methods: manifest.methods,
    ...(manifest.scorer === undefined ? {} : { labels: manifest.scorer.labels, modes: manifest.scorer.modes }),
    trainable_parameters: manifest.trainable_parameters,
    metrics: manifest.metrics,
    parents: manifest.parents,
    fine_tuning_job_id: row.job,
    models: modelsOf(db, row.id),
  };
}

function modelsOf(db: Database, artefact: string): string[] {
  return db.all<{ id: string }>("SELECT id FROM models WHERE artefact = ? ORDER BY n", artefact).map(({ id }) => id);
}

/** The tenant's deltas; their rows are those of all artefacts. */
export const deltas = tenantModule({
  schema: [],
  open: ({ db, now, rearm, baseStatuses, requireModelUnused }) => ({
    calls: {
      list: async (page: Page): Promise<ListOf<Delta>> => listDeltas(db, page, await baseStatuses()),

      async get(id: string): Promise<Delta> {
        requireDelta(db, id, "delta_id");
        const statusOf = await baseStatuses();
        // Looked up again after the wait.
        return deltaOf(db, requireDelta(db, id, "delta_id"), statusOf);
      },

      /** Where a delta's files lie. */
      folder: (id: string): StoredFolder => folderOf(requireDelta(db, id, "delta_id")),

      async delete(id: string): Promise<Deleted> {
        const deleted = db.transaction(() => {
          for (const model of modelsOf(db, id)) requireModelUnused(model);
          return deleteDelta(db, id, now());
        });
        await rearm();
        return deleted;
      },

      /** The folders of the deltas to merge on a base, in order. */
      toMerge: (base: ReadyBase, requested: readonly RequestedDelta[]): StoredFolder[] =>
        deltasToMerge(db, requested, base),
    },
  }),
});
