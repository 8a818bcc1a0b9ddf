import type { SteeringObject } from "../../../shared/api/steering.ts";
import type { Condition } from "../../../shared/delta/condition.ts";
import type { Manifest } from "../../../shared/delta/manifest.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import type { StoredFolder } from "../../blobs/stored-folder.ts";
import type { ConditionalDelta } from "../../serving/protocol.ts";
import type { Database } from "../database.ts";
import { folderOf } from "./artefact-rows.ts";
import { findDelta, type RequestedDelta } from "./resolve.ts";

export interface SteeringVectors {
  /** They steer every position: deltas of the request's own model, each with its strength as the weight. */
  readonly always: readonly RequestedDelta[];
  /** They steer from the first generated token on, if the prompt meets their condition. */
  readonly conditional: readonly ConditionalDelta[];
}

export const NO_VECTORS: SteeringVectors = { always: [], conditional: [] };

/**
 * What the `vectors` of a steering object come to. A strength of 0 asks for nothing.
 *
 * @throws TrimtabError not_found for an unknown one, invalid_delta for one of another base, invalid_request for a delta that is no
 *   steering vector, and for a condition where the vector has none
 */
export function steeringVectors(
  db: Database,
  { vectors = [] }: SteeringObject,
  base: StoredFolder & { readonly id: string },
): SteeringVectors {
  const always: RequestedDelta[] = [];
  const conditional: ConditionalDelta[] = [];
  for (const [index, { id, strength, condition: asked = false }] of vectors.entries()) {
    const at = `vectors[${index}]`;
    const refuse = (field: string, message: string) =>
      new TrimtabError("invalid_request", message, { param: `steering.${at}.${field}` });
    const quoted = JSON.stringify(id);
    const row = findDelta(db, id);
    if (row === undefined) {
      const message = `There is no steering vector ${quoted}. Name a delta that a job of type steering_vector made: GET /v1/deltas lists those there are.`;
      throw new TrimtabError("not_found", message, { param: `steering.${at}.id` });
    }
    if (row.base_digest !== base.digest) {
      throw refuse(
        "id",
        `The steering vector ${quoted} is made for ${row.base_id}, but the request runs on ${base.id}.`,
      );
    }
    const facts = row.manifest === null ? undefined : (JSON.parse(row.manifest) as Manifest).steering;
    if (facts === undefined) {
      throw refuse(
        "id",
        `The delta ${quoted} is no steering vector. Put it into \`deltas\`, or make one with a job of type steering_vector.`,
      );
    }
    if (strength === 0) continue;
    if (asked === false) {
      always.push({ id, weight: strength, param: `steering.${at}.id` });
      continue;
    }
    if (facts.condition === undefined) {
      throw refuse(
        "condition",
        `The steering vector ${quoted} has no condition. Train it with one, or leave \`condition\` out.`,
      );
    }
    const condition: Condition = { ...facts.condition, ...(asked === true ? {} : { threshold: asked.threshold }) };
    conditional.push({ at, delta: { ...folderOf(row), weight: strength }, condition });
  }
  return { always, conditional };
}
