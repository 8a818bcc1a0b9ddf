import { type Method, scorerNumbers, settingsOf, settingsPath } from "../../shared/api/methods.ts";
import type { CanonicalDelta } from "../../shared/delta/canonical.ts";
import { mergeIntoWeights } from "../../shared/delta/merge/into-weights.ts";
import { decodeCanonical, SERVING_FILE } from "../../shared/delta/serving-file.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { type ModelConfig, parseModelConfig } from "../../shared/model/config.ts";
import { planMethods } from "../../shared/peft/combine.ts";
import { isWholeModel, publishedNumbers } from "../../shared/peft/plan.ts";
import { methodsOf } from "../../shared/peft/presets.ts";
import { peftMethod } from "../../shared/peft/registry.ts";
import { FolderReader } from "../blobs/folder-reader.ts";
import type { JobParent } from "../objects/tenant/job-parent.ts";
import { beyondLimits, demandOf, servingLimits } from "../serving/limits.ts";

export interface Continuation {
  readonly parent: JobParent;
  readonly method: Method;
  /** The base's config.json. */
  readonly config: unknown;
  readonly heapLimitBytes: number;
}

/**
 * Checks, before a job is queued, that a method can continue from a tuned model and that the result can be served.
 *
 * @throws TrimtabError invalid_request, naming `model`, for a delta that cannot be folded into weights; naming the method's field, for a method that cannot continue, or whose result is too large to be served together with the delta.
 */
export async function checkParent(bucket: R2Bucket, continuation: Continuation): Promise<void> {
  const { parent, method, heapLimitBytes } = continuation;
  const param = `${settingsPath(method)}.peft`;
  const { peft } = settingsOf(method);
  const config = parseModelConfig(continuation.config);
  if (peft === undefined) {
    if (parent.kind === "delta") return void (await mergeableDelta(bucket, parent, config));
    const message = `\`model\` has its own weights, and the result of a job of the type ${method.type} is a delta of a base. Start from the base, or from a model whose result is a delta.`;
    throw new TrimtabError("invalid_request", message, { param: "model" });
  }
  for (const { settings, place } of methodsOf(peft)) {
    if (peftMethod(settings).base === undefined) continue;
    const message = `\`${param}${place}\`: ${settings.type} trains on the base in 4 bits and cannot continue from a tuned model. Use lora, or start from the base.`;
    throw new TrimtabError("invalid_request", message, { param: `${param}${place}` });
  }
  const plan = planMethods({ config, settings: peft, param });
  const scored = scorerNumbers(method, config);
  if (parent.kind === "model" && scored !== undefined) {
    const message = `\`model\` has its own weights, and a ${method.type} is a delta of a base. Start from its base, or from a model with a delta.`;
    throw new TrimtabError("invalid_request", message, { param: "model" });
  }
  if (parent.kind === "model") {
    if (isWholeModel(plan) || plan.mergeable !== false) return;
    const message = `\`${param}\` cannot be folded into weights, and \`model\` has its own weights. Choose a method that can, such as lora, or full.`;
    throw new TrimtabError("invalid_request", message, { param });
  }
  const delta = await mergeableDelta(bucket, parent, config);
  if (isWholeModel(plan) && scored === undefined) return;
  const below = demandOf(delta);
  const both = {
    rank: below.rank + plan.serving.rank,
    columns: below.columns + plan.serving.columns,
    positions: below.positions + plan.serving.positions,
    bytes: below.bytes + 4 * (publishedNumbers(plan) + (scored ?? 0)),
  };
  const beyond = beyondLimits(both, servingLimits(config, heapLimitBytes));
  if (beyond === undefined) return;
  throw new TrimtabError(
    "invalid_request",
    `\`${param}\` has, together with the delta of \`model\`, ${beyond.has}, but the most that is served is ${beyond.most}. Merge the delta with svd and a lower \`rank\` first, or lower the method's.`,
    { param },
  );
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
