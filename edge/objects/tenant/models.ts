import type { Alias } from "../../../shared/api/aliases.ts";
import type { ArtefactKindRow } from "../../../shared/api/artefact-kinds/kind.ts";
import { ARTEFACT_KINDS } from "../../../shared/api/artefact-kinds/registry.ts";
import type { Deleted } from "../../../shared/api/lists.ts";
import { settingsOf } from "../../../shared/api/methods.ts";
import { contextFields, type Model } from "../../../shared/api/models.ts";
import type { SteeringField, SteeringObject } from "../../../shared/api/steering.ts";
import { activeParts, referencesOf } from "../../../shared/decode/steering/asked.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import type { PeftChoice } from "../../../shared/peft/presets.ts";
import { type SearchRequest, searchReferences, searchScorer } from "../../../shared/search/registry.ts";
import type { ResolvedModel, ResolvedSearch, ResolvedSteering } from "../../serving/protocol.ts";
import type { Database } from "../database.ts";
import type { ReadyBase } from "../dispatcher/base-rows.ts";
import { baseGone, unknownModel } from "../unknown-model.ts";
import { type AliasRow, aliasTarget, requireAlias, shownAlias } from "./alias-rows.ts";
import {
  dropArtefact,
  findArtefact,
  findModel,
  folderOf,
  type ModelRow,
  requireNothingOn,
  stackOf,
} from "./artefact-rows.ts";
import { type StatusOf, tenantModule } from "./context.ts";
import { type JobParent, requireNoJobOn } from "./job-parent.ts";
import { findJob, specOf } from "./job-rows.ts";
import { type OwnedModel, ownedModel, type RequestedDelta, resolve } from "./resolve.ts";
import { otherBases, resolveReferences, withPlace } from "./resolve-references.ts";
import { resolveSteering, type ResolvedSteering as SteeringSource } from "./resolve-steering.ts";
import { scorerTarget } from "./scorer-rows.ts";
import { NO_VECTORS, steeringVectors } from "./steering-vectors.ts";

/** Whose models are shown, and the state of their bases. */
export interface Shown {
  readonly tenant: string;
  readonly statusOf: StatusOf;
}

export function listModels(db: Database, shown: Shown): Model[] {
  return db.all<ModelRow>("SELECT * FROM models ORDER BY n DESC LIMIT 10000").map((row) => modelOf(db, row, shown));
}

/** A model as the API shows it. Its parent is the model that its job continued from, or the base. */
export function modelOf(db: Database, row: ModelRow, { tenant, statusOf }: Shown): Model {
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
    base_status: statusOf({ id: row.base_id, digest: findArtefact(db, row.artefact)?.base_digest }),
    ...(made?.labels == null ? {} : { labels: JSON.parse(made.labels) as string[] }),
    ...(row.on_top_of === null ? {} : { on_top_of: stackOf(row).map(({ artefact: id, weight }) => ({ id, weight })) }),
    // The row does not hold the base's value; the caller that has the base fills it in.
    ...contextFields(null),
  };
}

/** Shows an alias as a model, so that clients that look up the name they use find it. */
function aliasModel(db: Database, { id, created_at, model }: Alias, { tenant, statusOf }: Shown): Model {
  const row = findModel(db, model);
  const root = row?.base_id ?? model;
  const digest = row && findArtefact(db, row.artefact)?.base_digest;
  const context = contextFields(null);
  return {
    id,
    object: "model",
    created: created_at,
    owned_by: tenant,
    root,
    parent: model,
    base_status: statusOf({ id: root, digest }),
    ...context,
    alias_of: model,
  };
}

function listAliases(db: Database, shown: Shown): Model[] {
  const rows = db.all<AliasRow>("SELECT * FROM aliases ORDER BY n DESC");
  return rows.map((row) => aliasModel(db, shownAlias(db, row), shown));
}

/** @throws TrimtabError model_not_found, conflict while a job continues from it or another model stands on it. */
export function deleteModel(db: Database, name: string, now: number): Deleted {
  const row = findModel(db, name);
  if (row === undefined) throw unknownModel(name);
  requireNoJobOn(db, row.artefact);
  db.run("DELETE FROM models WHERE id = ?", name);
  const left = db.get("SELECT 1 FROM models WHERE artefact = ?", row.artefact);
  if (left === undefined) {
    requireNothingOn(db, row.artefact);
    dropArtefact(db, row.artefact, now);
  }
  return { id: name, object: "model", deleted: true };
}

/** The error for an alias whose base was deleted; undefined if the name is not an alias. */
function danglingAlias(db: Database, name: string): TrimtabError | undefined {
  const model = aliasTarget(db, name);
  if (model === undefined) return undefined;
  const message = `The alias ${name} points to ${model}, whose base model was deleted. Move the alias to another model.`;
  return new TrimtabError("model_not_found", message, { param: "model" });
}

function parentOf(
  { artefact, beneath }: OwnedModel,
  { name, base }: { name: string; base: ReadyBase },
): JobParent | null {
  if (artefact === null) return null;
  if (beneath.length > 0) {
    const message = `The model ${name} stands on other deltas, and a job continues from one. Merge them with POST /v1/deltas/merge, or edits with POST /v1/edits/merge, and name the result.`;
    throw new TrimtabError("invalid_request", message, { param: "model" });
  }
  const serves: ArtefactKindRow["serves"] = ARTEFACT_KINDS[artefact.kind].serves;
  if (artefact.base_digest !== base.digest || serves === null) {
    const why =
      serves === null ? "serves no requests" : `was made for another version of ${base.id}, which was deleted,`;
    throw new TrimtabError("invalid_delta", `The model ${why} and cannot be continued from. Train it again.`, {
      param: "model",
    });
  }
  const kind = serves === "delta" ? "delta" : "model";
  return { ...folderOf(artefact), model: name, artefact: artefact.id, kind };
}

/** What a request runs with: a model by its name, deltas on top of it, and what steers it. */
export interface ModelRequest {
  readonly name: string;
  readonly deltas: readonly RequestedDelta[];
  /** A steering object, or a preset's name; left out: that of the alias, if the name is one that has a preset. */
  readonly steering?: SteeringField | undefined;
}

export interface FoundModel {
  readonly model: ResolvedModel;
  readonly steering: {
    readonly asked: SteeringObject;
    /** The preset that it comes from; null where the request brought the object itself. */
    readonly from: SteeringSource["from"];
    readonly resolved: ResolvedSteering;
  } | null;
}

/** What the calls of the rules' scorer need, if they have one. Throws `not_found` for one that is gone. */
function scorerOf(db: Database, tenant: string, rules: SteeringObject["rules"]): Pick<ResolvedSteering, "scorer"> {
  const name = rules?.scorer?.name;
  return name === undefined ? {} : { scorer: scorerTarget(db, { tenant, name }, "steering.rules.scorer") };
}

/** A search with what its scorer's calls need. Throws `not_found` for one that is gone. */
function searchOf(db: Database, tenant: string, asked: SearchRequest): ResolvedSearch {
  const name = searchScorer(asked);
  return {
    asked,
    ...(name === undefined ? {} : { scorer: scorerTarget(db, { tenant, name }, "steering.search.by.scorer") }),
  };
}

/** The model names that serve the tenant's results. */
export const models = tenantModule({
  schema: [
    `CREATE TABLE IF NOT EXISTS models (
      n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, artefact TEXT NOT NULL, base_id TEXT NOT NULL,
      created_at INTEGER NOT NULL)`,
    "ALTER TABLE models ADD COLUMN on_top_of TEXT",
  ],
  open: ({ db, now, rearm, tenant, readyBase, baseStatuses, requireModelUnused }) => {
    /** The base of a name; where it was deleted, the error says which of the tenant's names it leaves without one. */
    const baseOf = ({ baseId, artefact }: OwnedModel, name: string): Promise<ReadyBase> =>
      readyBase(baseId).catch((error) => {
        if (!(error instanceof TrimtabError && error.code === "model_not_found")) throw error;
        throw danglingAlias(db, name) ?? (artefact === null ? error : baseGone(name, baseId));
      });

    /** An alias means the model that it points to now. */
    const find = async (
      request: ModelRequest,
      known: ReadonlyMap<string, ReadyBase> = new Map(),
    ): Promise<FoundModel> => {
      const { name, deltas, steering: asked } = request;
      const { config: _, ...base } = await baseOf(ownedModel(db, name), name);
      // Looked up again after the wait, because a model may have been deleted or an alias moved to another base
      // meanwhile.
      const owned = ownedModel(db, name);
      if (owned.baseId !== base.id) return find(request, known);
      const found = resolveSteering(db, asked, name);
      const vectors = found === null ? NO_VECTORS : steeringVectors(db, found.steering, base);
      const model = resolve(db, { tenant: tenant().id, owned, deltas: [...deltas, ...vectors.always] }, base);
      if (found === null) return { model, steering: null };
      const parts = activeParts(found.steering);
      const { search: askedSearch } = found.steering;
      const references = [...referencesOf(parts), ...(askedSearch === undefined ? [] : searchReferences(askedSearch))];
      const missing = [...otherBases(db, { references, base })].filter(([id]) => !known.has(id));
      if (missing.length > 0) {
        const read = missing.map(async ([id, reference]): Promise<[string, ReadyBase]> => {
          const ready = await readyBase(id).catch((error) => Promise.reject(withPlace(reference, error)));
          return [id, ready];
        });
        return find(request, new Map([...known, ...(await Promise.all(read))]));
      }
      const others = new Map([...known].map(([id, { config: __, ...other }]) => [id, other]));
      const models = resolveReferences(db, { tenant: tenant().id, references, base, others });
      const { rules } = found.steering;
      const scorer = scorerOf(db, tenant().id, rules);
      const search = askedSearch === undefined ? {} : { search: searchOf(db, tenant().id, askedSearch) };
      return {
        model,
        steering: {
          asked: found.steering,
          from: found.from,
          resolved: { parts, models, conditional: vectors.conditional, rules, ...scorer, ...search },
        },
      };
    };

    return {
      calls: {
        /** The tenant's own models, then its aliases. */
        async list(): Promise<Model[]> {
          const shown = { tenant: tenant().id, statusOf: await baseStatuses() };
          return [...listModels(db, shown), ...listAliases(db, shown)];
        },

        /** One of the tenant's own models or aliases; null if none has that name. */
        async get(name: string): Promise<Model | null> {
          const shown = { tenant: tenant().id, statusOf: await baseStatuses() };
          const row = findModel(db, name);
          if (row !== undefined) return modelOf(db, row, shown);
          if (aliasTarget(db, name) === undefined) return null;
          return aliasModel(db, shownAlias(db, requireAlias(db, name)), shown);
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

        /**
         * The base of a name, which may be an alias or a tuned model. `tuned` is the name of the tuned model that it
         * means; null for a base.
         */
        async base(name: string): Promise<{ base: ReadyBase; tuned: string | null }> {
          const owned = ownedModel(db, name);
          const base = await baseOf(owned, name);
          return { base, tuned: owned.artefact === null ? null : (aliasTarget(db, name) ?? name) };
        },

        /**
         * What a job on a model of that name starts from: its base, and the tenant's own result on top of it, if it is
         * one. `peft` has the methods of the job that made the result; null if none did.
         */
        async start(name: string): Promise<{ base: ReadyBase; parent: JobParent | null; peft: PeftChoice | null }> {
          const base = await baseOf(ownedModel(db, name), name);
          // Looked up again after the wait: a job cannot start from a model that was deleted meanwhile.
          const owned = ownedModel(db, name);
          const job = owned.artefact?.job == null ? undefined : findJob(db, owned.artefact.job);
          const peft = (job && settingsOf(specOf(job).method).peft) ?? null;
          return { base, parent: parentOf(owned, { name: aliasTarget(db, name) ?? name, base }), peft };
        },

        /** Finds what serves a request: the base of its `model`, and all deltas on top of it. */
        resolve: find,
      },
    };
  },
});
