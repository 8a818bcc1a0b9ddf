import type { Reference } from "../../../shared/decode/steering/part.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import type { StoredFolder } from "../../blobs/stored-folder.ts";
import type { ResolvedModel } from "../../serving/protocol.ts";
import type { Database } from "../database.ts";
import { findDelta, ownedModel, resolve } from "./resolve.ts";

/**
 * What the models and deltas that a steering object names come to, by their places in it. They run beside the request's own rows,
 * so each must be the request's base or made for it.
 *
 * @throws TrimtabError model_not_found for an unknown name, invalid_delta for one of another base, with `param` from `steering` on.
 */
export function resolveReferences(
  db: Database,
  { tenant, references }: { readonly tenant: string; readonly references: readonly Reference[] },
  base: StoredFolder & { readonly id: string },
): Record<string, ResolvedModel> {
  return Object.fromEntries(
    references.map((reference) => [reference.at, resolveReference(db, { tenant, reference }, base)]),
  );
}

function resolveReference(
  db: Database,
  { tenant, reference: { at, id, weight } }: { readonly tenant: string; readonly reference: Reference },
  base: StoredFolder & { readonly id: string },
): ResolvedModel {
  const param = `steering.${at}`;
  const bare = { baseId: base.id, artefact: null };
  try {
    if (findDelta(db, id) !== undefined) {
      return resolve(db, { tenant, owned: bare, deltas: [{ id, weight }] }, base);
    }
    const owned = ownedModel(db, id);
    if (owned.baseId === base.id) return resolve(db, { tenant, owned, deltas: [] }, base);
  } catch (error) {
    if (error instanceof TrimtabError) throw new TrimtabError(error.code, error.message, { param, cause: error });
    throw error;
  }
  throw new TrimtabError(
    "invalid_request",
    `${JSON.stringify(id)} is not made for ${base.id}, on which the request runs. Name that base, or a model or delta of it.`,
    { param },
  );
}
