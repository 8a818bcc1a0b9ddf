/** What facts are solved on: a base, and the deltas of the model and the request. */

import type { ArtefactKindRow } from "../../../../shared/api/artefact-kinds/kind.ts";
import { ARTEFACT_KINDS } from "../../../../shared/api/artefact-kinds/registry.ts";
import { TrimtabError } from "../../../../shared/errors.ts";
import { LIMITS } from "../../../../shared/limits.ts";
import type { StoredFolder } from "../../../blobs/stored-folder.ts";
import type { Database } from "../../database.ts";
import type { ReadyBase } from "../../dispatcher/base-rows.ts";
import { findArtefact, folderOf, type StackedDelta } from "../artefact-rows.ts";
import { type OwnedModel, type RequestedDelta, resolve } from "../resolve.ts";

export interface EditContext {
  readonly base: ReadyBase;
  readonly stack: readonly StackedDelta[];
  /** Of the deltas in `stack`, in its order. */
  readonly folders: readonly StoredFolder[];
}

/**
 * The deltas on which facts are solved; those of weight 0 are left out.
 *
 * @throws TrimtabError invalid_request for a full fine-tune or more deltas than a request may have; what `resolve` does.
 */
export function editContext(
  db: Database,
  request: { readonly tenant: string; readonly owned: OwnedModel; readonly deltas: readonly RequestedDelta[] },
  base: ReadyBase,
): EditContext {
  const { owned } = request;
  const serves: ArtefactKindRow["serves"] = owned.artefact === null ? null : ARTEFACT_KINDS[owned.artefact.kind].serves;
  if (serves === "weights") {
    const message = `\`model\` is a full fine-tune, and an edit is a delta, which serves on a base: name ${base.id}, or one of your models with a delta.`;
    throw new TrimtabError("invalid_request", message, { param: "model" });
  }
  const { deltas } = resolve(db, request, base);
  const used = deltas.filter(({ weight }) => weight !== 0);
  if (used.length > LIMITS.deltasPerRequest - 1) {
    const message = `\`deltas\` come to ${used.length} with those of \`model\`, and an edit stands on at most ${LIMITS.deltasPerRequest - 1}. Merge some first: POST /v1/edits/merge, or /v1/deltas/merge.`;
    throw new TrimtabError("invalid_request", message, { param: "deltas" });
  }
  const stack = used.map(({ digest, weight }) => ({ artefact: idOf(db, digest), weight }));
  return { base, stack, folders: stack.map(({ artefact }) => folderOf(findArtefact(db, artefact)!)) };
}

function idOf(db: Database, digest: string): string {
  return db.get<{ id: string }>("SELECT id FROM artefacts WHERE kind = 'delta' AND digest = ?", digest)!.id;
}
