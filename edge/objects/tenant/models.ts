import type { Alias } from "../../../shared/api/aliases.ts";
import type { Deleted } from "../../../shared/api/lists.ts";
import type { Model } from "../../../shared/api/models.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import type { ResolvedModel } from "../../serving/protocol.ts";
import type { Database } from "../database.ts";
import { unknownModel } from "../unknown-model.ts";
import { type AliasRow, aliasTarget, requireAlias, shownAlias } from "./alias-rows.ts";
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

/** An alias as one more model, so that clients that check the name they use find it. */
function aliasModel(db: Database, { id, created_at, model }: Alias, tenant: string): Model {
  const root = findModel(db, model)?.base_id ?? model;
  return { id, object: "model", created: created_at, owned_by: tenant, root, parent: model, alias_of: model };
}

function listAliases(db: Database, tenant: string): Model[] {
  const rows = db.all<AliasRow>("SELECT * FROM aliases ORDER BY n DESC");
  return rows.map((row) => aliasModel(db, shownAlias(db, row), tenant));
}

export function deleteModel(db: Database, name: string, now: number): Deleted {
  const row = findModel(db, name);
  if (row === undefined) throw unknownModel(name);
  db.run("DELETE FROM models WHERE id = ?", name);
  const left = db.get("SELECT 1 FROM models WHERE artefact = ?", row.artefact);
  if (left === undefined) dropArtefact(db, row.artefact, now);
  return { id: name, object: "model", deleted: true };
}

/** Says of an alias whose base was deleted what it points to. */
function danglingAlias(db: Database, name: string, cause: unknown): unknown {
  const model = aliasTarget(db, name);
  if (model === undefined || !(cause instanceof TrimtabError && cause.code === "model_not_found")) return cause;
  const message = `The alias ${name} points to ${model}, whose base model was deleted. Move the alias to another model.`;
  return new TrimtabError("model_not_found", message, { param: "model", cause });
}

/** The model names that serve the tenant's results. */
export const models = tenantModule({
  schema: [
    `CREATE TABLE IF NOT EXISTS models (
      n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, artefact TEXT NOT NULL, base_id TEXT NOT NULL,
      created_at INTEGER NOT NULL)`,
  ],
  open: ({ db, now, rearm, tenant, readyBase, requireModelUnused }) => {
    /** An alias stands for the model that it points to now. */
    const find = async (name: string, deltas: readonly RequestedDelta[]): Promise<ResolvedModel> => {
      const { config: _, ...base } = await readyBase(ownedModel(db, name).baseId).catch((cause) => {
        throw danglingAlias(db, name, cause);
      });
      // Looked up again after the wait: what was deleted meanwhile is not served, and an alias that was moved to another base
      // meanwhile is followed there.
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

        /** One of the tenant's own models or aliases; null where it has none of that name. */
        get(name: string): Model | null {
          const row = findModel(db, name);
          if (row !== undefined) return modelOf(row, tenant().id);
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

        /** Finds what serves a request: the base that its `model` stands for, and all deltas on top of it. */
        resolve: find,
      },
    };
  },
});
