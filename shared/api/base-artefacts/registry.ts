import { TrimtabError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import type { BaseArtefactKind } from "./kind.ts";

/**
 * Every kind of base artefact; a new one is a row here. All tenants read them, so nothing in them may come from a tenant's data.
 * `<hash>` names what else a file depends on, such as the text it was computed over.
 */
export const BASE_ARTEFACT_KINDS = {
  key_statistics: {
    holds: "key statistics",
    name: /^key-statistics\.[0-9a-f]{8,64}\.safetensors$/,
    bytes: LIMITS.artefact,
    contentType: "application/octet-stream",
  },
  fisher: {
    holds: "Fisher information",
    name: /^fisher\.[0-9a-f]{8,64}\.safetensors$/,
    bytes: LIMITS.artefact,
    contentType: "application/octet-stream",
  },
  tracing: {
    holds: "a causal tracing",
    name: /^tracing\.[0-9a-f]{8,64}\.json$/,
    bytes: LIMITS.keptFile,
    contentType: "application/json",
  },
} as const satisfies Readonly<Record<string, BaseArtefactKind>>;

export type BaseArtefactKindName = keyof typeof BASE_ARTEFACT_KINDS;

/** The kind of a file of that name. Throws `invalid_request` for a name of no kind. */
export function baseArtefactKind(name: string, param: string): BaseArtefactKind {
  const kind = Object.values<BaseArtefactKind>(BASE_ARTEFACT_KINDS).find((one) => one.name.test(name));
  if (kind !== undefined) return kind;
  const held = Object.values(BASE_ARTEFACT_KINDS).map(({ holds }) => holds);
  const message = `The name ${JSON.stringify(name)} is that of no file that is kept beside a base: ${held.join(", or ")}.`;
  throw new TrimtabError("invalid_request", message, { param });
}
