import { type Method, scorerNumbers, settingsOf, settingsPath } from "../../shared/api/methods.ts";
import { TrimtabError } from "../../shared/errors.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import { planMethods } from "../../shared/peft/combine.ts";
import { isWholeModel, publishedNumbers } from "../../shared/peft/plan.ts";
import { methodsOf } from "../../shared/peft/presets.ts";
import { peftMethod } from "../../shared/peft/registry.ts";
import { beyondLimits, type ServingDemand, servingLimits } from "../serving/limits.ts";

export const NO_DEMAND: ServingDemand = { rank: 0, columns: 0, positions: 0, bytes: 0 };

/** A tuned model that a job continues from, or makes. */
export interface TunedModel {
  readonly kind: "delta" | "model";
  /** What serving its delta takes. */
  readonly demand: ServingDemand;
  /** Why no job can continue from it, in words that follow its name; left out if one can. */
  readonly final?: string;
}

export interface MethodOnBase {
  readonly method: Method;
  readonly config: ModelConfig;
  readonly heapLimitBytes: number;
}

/**
 * Checks that a method can continue from a tuned model and that the result can be served.
 *
 * @throws TrimtabError invalid_request, naming `model` or the method's field.
 */
export function checkContinuation(start: TunedModel, { method, config, heapLimitBytes }: MethodOnBase): void {
  const param = `${settingsPath(method)}.peft`;
  const { peft } = settingsOf(method);
  if (start.final !== undefined) {
    const message = `\`model\` ${start.final}, and nothing can be trained on top of it. Start from its base instead.`;
    throw new TrimtabError("invalid_request", message, { param: "model" });
  }
  if (peft === undefined) {
    if (start.kind === "delta") return;
    const message = `\`model\` has its own weights, and the result of a job of the type ${method.type} is a delta of a base. Start from the base, or from a model whose result is a delta.`;
    throw new TrimtabError("invalid_request", message, { param: "model" });
  }
  for (const { settings, place } of methodsOf(peft)) {
    if (peftMethod(settings).base === undefined) continue;
    const message = `\`${param}${place}\`: ${settings.type} trains on the base in 4 bits and cannot continue from a tuned model. Use lora, or start from the base.`;
    throw new TrimtabError("invalid_request", message, { param: `${param}${place}` });
  }
  const plan = planMethods({ config, settings: peft, param });
  if (start.kind === "model" && scorerNumbers(method, config) !== undefined) {
    const message = `\`model\` has its own weights, and a ${method.type} is a delta of a base. Start from its base, or from a model with a delta.`;
    throw new TrimtabError("invalid_request", message, { param: "model" });
  }
  if (start.kind === "model") {
    if (isWholeModel(plan) || plan.mergeable !== false) return;
    const message = `\`${param}\` cannot be folded into weights, and \`model\` has its own weights. Choose a method that can, such as lora, or full.`;
    throw new TrimtabError("invalid_request", message, { param });
  }
  const beyond = beyondLimits(resultOn(start, { method, config }).demand, servingLimits(config, heapLimitBytes));
  if (beyond === undefined) return;
  throw new TrimtabError(
    "invalid_request",
    `\`${param}\` has, together with the delta of \`model\`, ${beyond.has}, but the most that is served is ${beyond.most}. Merge the delta with svd and a lower \`rank\` first, or lower the method's.`,
    { param },
  );
}

/** What a job makes, known from its settings before it runs; `start` is null for a job that starts from the base. */
export function resultOn(
  start: TunedModel | null,
  { method, config }: Omit<MethodOnBase, "heapLimitBytes">,
): TunedModel {
  const { peft } = settingsOf(method);
  const below = start?.demand ?? NO_DEMAND;
  if (peft === undefined) return { kind: "delta", demand: below, final: `is a ${method.type}` };
  const plan = planMethods({ config, settings: peft, param: `${settingsPath(method)}.peft` });
  const scored = scorerNumbers(method, config);
  if (scored === undefined && (start?.kind === "model" || isWholeModel(plan))) {
    return { kind: "model", demand: NO_DEMAND };
  }
  const demand = {
    rank: below.rank + plan.serving.rank,
    columns: below.columns + plan.serving.columns,
    positions: below.positions + plan.serving.positions,
    bytes: below.bytes + 4 * (publishedNumbers(plan) + (scored ?? 0)),
  };
  if (scored !== undefined) return { kind: "delta", demand, final: `is a ${method.type}` };
  if (plan.mergeable !== false) return { kind: "delta", demand };
  return { kind: "delta", demand, final: "is a delta that cannot be merged into the base's weights" };
}
