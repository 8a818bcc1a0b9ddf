import type { ArtefactKindRow } from "../../../shared/api/artefact-kinds/kind.ts";
import { ARTEFACT_KINDS } from "../../../shared/api/artefact-kinds/registry.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import type { StoredFolder } from "../../blobs/stored-folder.ts";
import type { ResolvedDelta, ResolvedModel } from "../../serving/protocol.ts";
import type { Database } from "../database.ts";
import { unknownModel } from "../unknown-model.ts";
import { aliasTarget } from "./alias-rows.ts";
import { type ArtefactRow, findArtefact, findModel, folderOf, type StackedDelta, stackOf } from "./artefact-rows.ts";

/** A delta that a request puts on top of its model. */
export interface RequestedDelta {
  readonly id: string;
  readonly weight: number;
  /** The field that names it, where that is not the place in the list. */
  readonly param?: string;
}

/** The tenant's rows for a name: its base, and the result that serves it. */
export interface OwnedModel {
  readonly baseId: string;
  /** null if the name is a base's own. */
  readonly artefact: ArtefactRow | null;
  /** The deltas that it stands on. */
  readonly beneath: readonly WeightedArtefact[];
}

interface WeightedArtefact {
  readonly artefact: ArtefactRow;
  readonly weight: number;
}

/** Looks up a model's name among the tenant's models and aliases; a missing name may be a base's. */
export function ownedModel(db: Database, nameOrAlias: string): OwnedModel {
  const name = aliasTarget(db, nameOrAlias) ?? nameOrAlias;
  const row = findModel(db, name);
  if (row === undefined) {
    if (name.startsWith("ft:")) throw unknownModel(name);
    return { baseId: name, artefact: null, beneath: [] };
  }
  const artefact = findArtefact(db, row.artefact);
  if (artefact === undefined) throw unknownModel(name);
  return { baseId: row.base_id, artefact, beneath: stackOf(row).map((stacked) => beneathOf(db, name, stacked)) };
}

function beneathOf(db: Database, model: string, { artefact: id, weight }: StackedDelta): WeightedArtefact {
  const artefact = findArtefact(db, id);
  if (artefact !== undefined) return { artefact, weight };
  const message = `The model ${model} stands on the delta ${id}, which was deleted. Name its own delta in \`deltas\` to use it alone.`;
  throw new TrimtabError("invalid_delta", message, { param: "model" });
}

/**
 * Combines a model with the deltas that a request adds; a repeated delta gets the sum of its weights.
 *
 * @throws TrimtabError model_not_found or not_found for an unknown delta, invalid_delta for one made for another base.
 */
export function resolve(
  db: Database,
  request: { tenant: string; owned: OwnedModel; deltas: readonly RequestedDelta[] },
  base: StoredFolder & { readonly id: string },
): ResolvedModel {
  const { artefact } = request.owned;
  if (artefact !== null && artefact.base_digest !== base.digest) {
    throw new TrimtabError(
      "invalid_delta",
      `The model was made for another version of ${base.id}, which was deleted. Train it again, or add that version again.`,
      {
        param: "model",
      },
    );
  }
  const serves = artefact === null ? null : servesOf(artefact);
  const weights = artefact !== null && serves === "weights" ? { ...folderOf(artefact), tenant: request.tenant } : null;
  const sums = new Map<string, ResolvedDelta>();
  if (artefact !== null && serves === "delta") addDelta(sums, artefact, 1);
  for (const { artefact: row, weight } of request.owned.beneath) addDelta(sums, row, weight);
  for (const [index, { id, weight, param = `deltas[${index}].id` }] of request.deltas.entries()) {
    const row = deltaNamed(db, id, param);
    if (row.base_digest !== base.digest || weights !== null) {
      const why =
        weights === null ? notFor(row, base) : "cannot be added to a full fine-tune: it was made for the base";
      throw new TrimtabError("invalid_delta", `The delta ${JSON.stringify(id)} ${why}.`, { param });
    }
    addDelta(sums, row, weight);
  }
  const deltas = [...sums.values()].sort((a, b) => (a.digest < b.digest ? -1 : 1));
  return { base, weights, deltas };
}

/**
 * The deltas of a merge, in the order in which they are named.
 *
 * @throws TrimtabError invalid_request for a delta that is named twice, not_found for an unknown one, invalid_delta for one
 *   made for another base.
 */
export function deltasToMerge(
  db: Database,
  requested: readonly RequestedDelta[],
  base: StoredFolder & { readonly id: string },
): StoredFolder[] {
  const seen = new Set<string>();
  return requested.map(({ id }, index) => {
    const param = `deltas[${index}].id`;
    const row = deltaNamed(db, id, param);
    if (row.base_digest !== base.digest) {
      throw new TrimtabError("invalid_delta", `The delta ${JSON.stringify(id)} ${notFor(row, base)}.`, { param });
    }
    if (seen.has(row.id)) {
      throw new TrimtabError("invalid_request", `The delta ${JSON.stringify(id)} is named twice: add its weights up.`, {
        param,
      });
    }
    seen.add(row.id);
    return folderOf(row);
  });
}

function servesOf({ kind }: ArtefactRow): ArtefactKindRow["serves"] {
  return ARTEFACT_KINDS[kind].serves;
}

/** Why a delta does not go with a base. */
function notFor(row: ArtefactRow, base: { readonly id: string }): string {
  if (row.base_id === base.id) return `is for another version of ${base.id}, which was deleted`;
  return `is for ${row.base_id}, not for ${base.id}`;
}

/** The delta with that id, or that a model or alias of that name serves. */
export function findDelta(db: Database, id: string): ArtefactRow | undefined {
  const row = findArtefact(db, findModel(db, aliasTarget(db, id) ?? id)?.artefact ?? id);
  return row !== undefined && servesOf(row) === "delta" ? row : undefined;
}

/**
 * The deltas that a name comes to: a delta's id to itself, a model's name or alias to its delta and those that it stands on. undefined
 * for a name without a delta.
 *
 * @throws TrimtabError invalid_delta for a model that stands on a deleted one.
 */
export function deltasNamed(db: Database, id: string): readonly WeightedArtefact[] | undefined {
  const row = findDelta(db, id);
  if (row === undefined) return undefined;
  const isModel = findModel(db, aliasTarget(db, id) ?? id) !== undefined;
  return [...(isModel ? ownedModel(db, id).beneath : []), { artefact: row, weight: 1 }];
}

function deltaNamed(db: Database, id: string, param: string): ArtefactRow {
  const row = findDelta(db, id);
  if (row !== undefined) return row;
  throw new TrimtabError("not_found", `There is no delta ${JSON.stringify(id)}.`, { param });
}

function addDelta(sums: Map<string, ResolvedDelta>, row: ArtefactRow, weight: number): void {
  sums.set(row.digest, { ...folderOf(row), weight: (sums.get(row.digest)?.weight ?? 0) + weight });
}
