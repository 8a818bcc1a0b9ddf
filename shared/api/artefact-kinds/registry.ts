import { delta } from "./delta.ts";
import type { ArtefactKindRow } from "./kind.ts";
import { model } from "./model.ts";

/** Every kind of artefact; a new one is a file beside this one and a row here. */
export const ARTEFACT_KINDS = { delta, model } as const satisfies Readonly<Record<string, ArtefactKindRow>>;

export type ArtefactKind = keyof typeof ARTEFACT_KINDS;

/** The names of all kinds, as a schema wants them. */
export const ARTEFACT_KIND_NAMES = Object.keys(ARTEFACT_KINDS) as [ArtefactKind, ...ArtefactKind[]];
