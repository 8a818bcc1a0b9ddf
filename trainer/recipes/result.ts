import type { ArtefactKind } from "../../shared/api/artefact-kinds/registry.ts";
import type { Scorer } from "../../shared/delta/scorer.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { type Provenance, writeDeltaFolder } from "../../shared/package/delta-folder.ts";
import { publishMethods } from "../../shared/peft/combine.ts";
import type { PublishOptions } from "../../shared/peft/method.ts";
import type { PeftChoice } from "../../shared/peft/presets.ts";

/** A finished result: the files of a delta, or of a whole model. */
export interface ResultFolder {
  readonly kind: ArtefactKind;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** Trained values, and the scorer that was trained with them, if any. */
export interface TrainedResult extends PublishOptions<PeftChoice> {
  readonly scorer?: Scorer | undefined;
}

/**
 * What a run with these methods ends with: one delta, or a model if all weights were trained. Equal arguments give equal bytes.
 * Throws `invalid_delta` if training changed nothing.
 */
export async function publishResult(
  { scorer, ...options }: TrainedResult,
  provenance: Provenance,
): Promise<ResultFolder> {
  const parts = await publishMethods(options);
  const adapters = parts.flatMap((part) => (part.kind === "adapter" ? [part.adapter] : []));
  if (adapters.length === parts.length) {
    return { kind: "delta", files: await writeDeltaFolder(adapters, provenance, scorer) };
  }
  const [model] = parts;
  if (parts.length === 1 && model?.kind === "model") return model;
  throw new TrimtabError("internal_error", "a model cannot be published together with adapters");
}
