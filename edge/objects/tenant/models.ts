import type { Alias } from "../../../shared/api/aliases.ts";
import type { ArtefactKindRow } from "../../../shared/api/artefact-kinds/kind.ts";
import { ARTEFACT_KINDS } from "../../../shared/api/artefact-kinds/registry.ts";
import type { Deleted } from "../../../shared/api/lists.ts";
import { contextFields, type Model } from "../../../shared/api/models.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import type { ResolvedModel } from "../../serving/protocol.ts";
import type { Database } from "../database.ts";
import type { ReadyBase } from "../dispatcher/base-rows.ts";
import { baseGone, unknownModel } from "../unknown-model.ts";
import { type AliasRow, aliasTarget, requireAlias, shownAlias } from "./alias-rows.ts";
import { dropArtefact, findModel, folderOf, type ModelRow } from "./artefact-rows.ts";
import { tenantModule } from "./context.ts";
import { type JobParent, requireNoJobOn } from "./job-parent.ts";
import { type OwnedModel, ownedModel, type RequestedDelta, resolve } from "./resolve.ts";

export function listModels(db: Database, tenant: string): Model[] {
  return db.all<ModelRow>("SELECT * FROM models ORDER BY n DESC LIMIT 10000").map((row) => modelOf(db, row, tenant));
}

/** A model as the API shows it. Its parent is the model that its job continued from, or the base. */
export function modelOf(db: Database, row: ModelRow, tenant: string): Model {
  const made = db.get<{ parent: string | null; labels: string | null }>(
    `SELECT json_extract(jobs.spec, '$.parent.model') AS parent,
            json_extract(artefacts.manifest, '$.scorer.labels') AS labels
     FROM artefacts LEFT JOIN jobs ON jobs.id = artefacts.job WHERE artefacts.id = ?`,
    row.artefact,
  );
  return {
    id: row.id,
    object: "model",
    created: row.created_at,
    owned_by: tenant,
    root: row.base_id,
    parent: made?.parent ?? row.base_id,
    ...(made?.labels == null ? {} : { labels: JSON.parse(made.labels) as string[] }),
    // The row does not hold the base's value; the caller that has the base fills it in.
    ...contextFields(null),
  };
}

/** Shows an alias as a model, so that clients that look up the name they use find it. */
function aliasModel(db: Database, { id, created_at, model }: Alias, tenant: string): Model {
  const root = findModel(db, model)?.base_id ?? model;
  const context = contextFields(null);
  return {
    id,
    object: "model",
    created: created_at,
    owned_by: tenant,
    root,
    parent: model,
    ...context,
    alias_of: model,
  };
}

function listAliases(db: Database, tenant: string): Model[] {
  const rows = db.all<AliasRow>("SELECT * FROM aliases ORDER BY n DESC");
  return rows.map((row) => aliasModel(db, shownAlias(db, row), tenant));
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

/** The error for an alias whose base was deleted; undefined if the name is not an alias. */
function danglingAlias(db: Database, name: string): TrimtabError | undefined {
  const model = aliasTarget(db, name);
  if (model === undefined) return undefined;
  const message = `The alias ${name} points to ${model}, whose base model was deleted. Move the alias to another model.`;
  return new TrimtabError("model_not_found", message, { param: "model" });
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
  open: ({ db, now, rearm, tenant, readyBase, requireModelUnused }) => {
    /** The base of a name; where it was deleted, the error says which of the tenant's names it leaves without one. */
    const baseOf = ({ baseId, artefact }: OwnedModel, name: string): Promise<ReadyBase> =>
      readyBase(baseId).catch((error) => {
        if (!(error instanceof TrimtabError && error.code === "model_not_found")) throw error;
        throw danglingAlias(db, name) ?? (artefact === null ? error : baseGone(name, baseId));
      });

    /** An alias means the model that it points to now. */
    const find = async (name: string, deltas: readonly RequestedDelta[]): Promise<ResolvedModel> => {
      const { config: _, ...base } = await baseOf(ownedModel(db, name), name);
      // Looked up again after the wait, because a model may have been deleted or an alias moved to another base
      // meanwhile.
      const owned = ownedModel(db, name);
      if (owned.baseId !== base.id) return find(name, deltas);
      return resolve(db, { tenant: tenant().id, owned, deltas }, base);
    };

    return {
      calls: {
        /** The tenant's own models, then its aliases. */
        list(): Model[] {
          const { id } = tenant();
          return [...listModels(db, id), ...listAliases(db, id)];
        },

        /** One of the tenant's own models or aliases; null if none has that name. */
        get(name: string): Model | null {
          const row = findModel(db, name);
          if (row !== undefined) return modelOf(db, row, tenant().id);
          if (aliasTarget(db, name) === undefined) return null;
          return aliasModel(db, shownAlias(db, requireAlias(db, name)), tenant().id);
        },

        /** @throws TrimtabError conflict for an alias, and for a model that an alias points to. */
        async delete(name: string): Promise<Deleted> {
          const deleted = db.transaction(() => {
            if (aliasTarget(db, name) !== undefined) {
              const message = `${name} is an alias. DELETE /v1/aliases/${name} deletes it, and its model stays.`;
              throw new TrimtabError("conflict", message, { param: "model" });
            }
            requireModelUnused(name);
            return deleteModel(db, name, now());
          });
          await rearm();
          return deleted;
        },

        /** What a job on a model of that name starts from: its base, and the tenant's own result on top of it, if it is one. */
        async start(name: string): Promise<{ base: ReadyBase; parent: JobParent | null }> {
          const base = await baseOf(ownedModel(db, name), name);
          // Looked up again after the wait: a job cannot start from a model that was deleted meanwhile.
          return { base, parent: parentOf(ownedModel(db, name), { name: aliasTarget(db, name) ?? name, base }) };
        },

        /** Finds what serves a request: the base of its `model`, and all deltas on top of it. */
        resolve: find,
      },
    };
  },
});
