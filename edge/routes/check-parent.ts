import type { CanonicalDelta } from "../../shared/delta/canonical.ts";
import { mergeIntoWeights } from "../../shared/delta/merge/into-weights.ts";
import { decodeCanonical, SERVING_FILE } from "../../shared/delta/serving-file.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { type ModelConfig, parseModelConfig } from "../../shared/model/config.ts";
import { FolderReader } from "../blobs/folder-reader.ts";
import type { JobParent } from "../objects/tenant/job-parent.ts";
import { demandOf } from "../serving/limits.ts";
import { checkContinuation, type MethodOnBase, NO_DEMAND, type TunedModel } from "./check-continuation.ts";

export interface Continuation extends Omit<MethodOnBase, "config"> {
  readonly parent: JobParent;
  /** The base's config.json. */
  readonly config: unknown;
}

/**
 * Checks, before a job is queued, that a method can continue from a tuned model and that the result can be served.
 *
 * @throws TrimtabError invalid_request, naming `model`, for a delta that cannot be folded into weights; naming the method's field, for a method that cannot continue, or whose result is too large to be served together with the delta.
 */
export async function checkParent(bucket: R2Bucket, { parent, config: json, ...on }: Continuation): Promise<void> {
  const config = parseModelConfig(json);
  checkContinuation(await tunedParent(bucket, parent, config), { ...on, config });
}

/** What a job on a tuned model starts from. Throws `invalid_request`, naming `model`, if it cannot be continued from. */
export async function tunedParent(bucket: R2Bucket, parent: JobParent, config: ModelConfig): Promise<TunedModel> {
  const { kind } = parent;
  return { kind, demand: kind === "model" ? NO_DEMAND : demandOf(await mergeableDelta(bucket, parent, config)) };
}

/** The parent's delta, which training folds into the base's weights. */
async function mergeableDelta(bucket: R2Bucket, parent: JobParent, config: ModelConfig): Promise<CanonicalDelta> {
  const delta = decodeCanonical(await new FolderReader(bucket, parent).bytes(SERVING_FILE), config);
  try {
    mergeIntoWeights(config, delta);
  } catch (error) {
    if (!(error instanceof TrimtabError)) throw error;
    const message = `\`model\` cannot be continued from: ${error.message}. Start from its base instead.`;
    throw new TrimtabError(error.code, message, { param: "model", cause: error });
  }
  return delta;
}
