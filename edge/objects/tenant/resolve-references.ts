import type { Reference } from "../../../shared/decode/steering/part.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import type { StoredFolder } from "../../blobs/stored-folder.ts";
import type { ResolvedModel } from "../../serving/protocol.ts";
import type { Database } from "../database.ts";
import { deltasNamed, findDelta, ownedModel, resolve } from "./resolve.ts";

type Base = StoredFolder & { readonly id: string };

export interface ReferencesRequest {
  readonly tenant: string;
  readonly references: readonly Reference[];
  /** The request's own base. */
  readonly base: Base;
  /** Other bases, by id: those of `otherBases`. */
  readonly others: ReadonlyMap<string, Base>;
}

/** The bases besides the request's own on which the named models run, with the first place that names each. */
export function otherBases(
  db: Database,
  { references, base }: Pick<ReferencesRequest, "references" | "base">,
): ReadonlyMap<string, Reference> {
  const found = new Map<string, Reference>();
  for (const reference of references) {
    const id = findDelta(db, reference.id)?.base_id ?? placed(reference, () => ownedModel(db, reference.id).baseId);
    if (id !== base.id && !found.has(id)) found.set(id, reference);
  }
  return found;
}

/**
 * What the models and deltas that a steering object names come to, by their places in it. Those of another base run in its batch.
 * A classifier judges only texts of its own base.
 *
 * @throws TrimtabError model_not_found for an unknown name, invalid_request and invalid_delta for one of another base, with
 *   `param` from `steering` on
 */
export function resolveReferences(db: Database, request: ReferencesRequest): Record<string, ResolvedModel> {
  return Object.fromEntries(
    request.references.map((reference) => [reference.at, placed(reference, () => resolveOne(db, reference, request))]),
  );
}

function resolveOne(
  db: Database,
  { id, weight, kind }: Reference,
  { tenant, base, others }: ReferencesRequest,
): ResolvedModel {
  const deltas = deltasNamed(db, id);
  const owned =
    deltas === undefined
      ? ownedModel(db, id)
      : { baseId: deltas.at(-1)!.artefact.base_id, artefact: null, beneath: [] };
  const on = owned.baseId === base.id ? base : others.get(owned.baseId);
  if (on === undefined || (on !== base && kind === "classifier")) {
    const message = `${JSON.stringify(id)} is made for ${owned.baseId}, but the request runs on ${base.id}. Name one that is made for ${base.id}.`;
    throw new TrimtabError("invalid_request", message);
  }
  const weighted = (deltas ?? []).map((one) => ({ id: one.artefact.id, weight: weight * one.weight }));
  return resolve(db, { tenant, owned, deltas: weighted }, on);
}

/** Runs `found`; its errors name the reference's place. */
function placed<T>(reference: Reference, found: () => T): T {
  try {
    return found();
  } catch (error) {
    throw withPlace(reference, error);
  }
}

/** The same error, for the place of the steering object that names the model. */
export function withPlace({ at }: Reference, error: unknown): unknown {
  if (!(error instanceof TrimtabError)) return error;
  return new TrimtabError(error.code, error.message, { param: `steering.${at}`, cause: error });
}
