import type { ArtefactKindRow } from "../../../shared/api/artefact-kinds/kind.ts";
import { ARTEFACT_KINDS } from "../../../shared/api/artefact-kinds/registry.ts";
import type { Deleted } from "../../../shared/api/lists.ts";
import { contextFields, type Model } from "../../../shared/api/models.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import type { ResolvedModel } from "../../serving/protocol.ts";
import type { Database } from "../database.ts";
import type { ReadyBase } from "../dispatcher/base-rows.ts";
import { baseGone, unknownModel } from "../unknown-model.ts";
import { dropArtefact, findModel, folderOf, type ModelRow } from "./artefact-rows.ts";
import { tenantModule } from "./context.ts";
import { type JobParent, requireNoJobOn } from "./job-parent.ts";
import { type OwnedModel, ownedModel, type RequestedDelta, resolve } from "./resolve.ts";

export function listModels(db: Database, tenant: string): Model[] {
  return db.all<ModelRow>("SELECT * FROM models ORDER BY n DESC LIMIT 10000").map((row) => modelOf(db, row, tenant));
}

/** A model as the API shows it. Its parent is the model that its job continued from, or the base. */
export function modelOf(db: Database, row: ModelRow, tenant: string): Model {
  const job = db.get<{ parent: string | null }>(
    `SELECT json_extract(jobs.spec, '$.parent.model') AS parent
     FROM artefacts JOIN jobs ON jobs.id = artefacts.job WHERE artefacts.id = ?`,
    row.artefact,
  );
  return {
    id: row.id,
    object: "model",
    created: row.created_at,
    owned_by: tenant,
    root: row.base_id,
    parent: job?.parent ?? row.base_id,
    // The base's, which its row does not hold; whoever has the base fills it in.
    ...contextFields(null),
  };
}

/** @throws TrimtabError model_not_found, conflict while a job continues from it. */
export function deleteModel(db: Database, name: string, now: number): Deleted {
  const row = findModel(db, name);
  if (row === undefined) throw unknownModel(name);
  requireNoJobOn(db, row.artefact);
  db.run("DELETE FROM models WHERE id = ?", name);
  const left = db.get("SELECT 1 FROM models WHERE artefact = ?", row.artefact);
  if (left === undefined) dropArtefact(db, row.artefact, now);
  return { id: name, object: "model", deleted: true };
}

function parentOf({ artefact }: OwnedModel, { name, base }: { name: string; base: ReadyBase }): JobParent | null {
  if (artefact === null) return null;
  const serves: ArtefactKindRow["serves"] = ARTEFACT_KINDS[artefact.kind].serves;
  if (artefact.base_digest !== base.digest || serves === null) {
    const why = serves === null ? "serves no requests" : `was made for another version of ${base.id}`;
    throw new TrimtabError("invalid_delta", `The model ${why} and cannot be continued from. Train it again.`, {
      param: "model",
    });
  }
  const kind = serves === "delta" ? "delta" : "model";
  return { ...folderOf(artefact), model: name, artefact: artefact.id, kind };
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
        return row === undefined ? null : modelOf(db, row, tenant().id);
      },

      async delete(name: string): Promise<Deleted> {
        const deleted = db.transaction(() => deleteModel(db, name, now()));
        await rearm();
        return deleted;
      },

      /** What a job on a model of that name starts from: its base, and the tenant's own result on top of it, if it is one. */
      async start(name: string): Promise<{ base: ReadyBase; parent: JobParent | null }> {
        const base = await readyBase(ownedModel(db, name).baseId);
        // Looked up again after the wait: what was deleted meanwhile is no start.
        return { base, parent: parentOf(ownedModel(db, name), { name, base }) };
      },

      /** Finds what serves a request: the base behind its `model`, and all deltas on top of it. */
      async resolve(name: string, deltas: readonly RequestedDelta[]): Promise<ResolvedModel> {
        const { baseId, artefact } = ownedModel(db, name);
        const { config: _, ...base } = await readyBase(baseId).catch((error) => {
          if (artefact === null || !(error instanceof TrimtabError && error.code === "model_not_found")) throw error;
          throw baseGone(name, baseId);
        });
        // Looked up again after the wait: what has been deleted in the meantime is not served.
        const owned = ownedModel(db, name);
        return resolve(db, { tenant: tenant().id, owned, deltas }, base);
      },
    },
  }),
});
