import type { Deleted } from "../../../shared/api/lists.ts";
import type { Model } from "../../../shared/api/models.ts";
import type { ResolvedModel } from "../../serving/protocol.ts";
import type { Database } from "../database.ts";
import { unknownModel } from "../unknown-model.ts";
import { dropArtefact, findModel, type ModelRow } from "./artefact-rows.ts";
import { tenantModule } from "./context.ts";
import { ownedModel, type RequestedDelta, resolve } from "./resolve.ts";

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

/** The model names that serve the tenant's results. */
export const models = tenantModule({
  schema: [
    `CREATE TABLE IF NOT EXISTS models (
      n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, artefact TEXT NOT NULL, base_id TEXT NOT NULL,
      created_at INTEGER NOT NULL)`,
  ],
  open: ({ db, now, rearm, tenant, readyBase }) => ({
    calls: {
      list: (): Model[] => listModels(db, tenant().id),

      /** One of the tenant's own models; null if it has none of that name. */
      get(name: string): Model | null {
        const row = findModel(db, name);
        return row === undefined ? null : modelOf(row, tenant().id);
      },

      async delete(name: string): Promise<Deleted> {
        const deleted = db.transaction(() => deleteModel(db, name, now()));
        await rearm();
        return deleted;
      },

      /** Finds what serves a request: the base behind its `model`, and all deltas on top of it. */
      async resolve(name: string, deltas: readonly RequestedDelta[]): Promise<ResolvedModel> {
        const { config: _, ...base } = await readyBase(ownedModel(db, name).baseId);
        // Looked up again after the wait: what has been deleted in the meantime is not served.
        const owned = ownedModel(db, name);
        return resolve(db, { tenant: tenant().id, owned, deltas }, base);
      },
    },
  }),
});
