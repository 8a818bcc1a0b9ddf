import { checkOwnSettings, type Method, scorerNumbers, settingsOf, settingsPath } from "../../shared/api/methods.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { type ModelConfig, parseModelConfig } from "../../shared/model/config.ts";
import { planMethods } from "../../shared/peft/combine.ts";
import type { MethodPlan } from "../../shared/peft/method.ts";
import { isWholeModel, publishedNumbers } from "../../shared/peft/plan.ts";
import { methodsOf, type PeftChoice } from "../../shared/peft/presets.ts";
import { peftMethod } from "../../shared/peft/registry.ts";
import { beyondLimits, servingLimits } from "../serving/limits.ts";

/**
 * Checks a method against its base, and against the heap that will serve the result. Returns the most tokens that a
 * sequence of the job may have.
 *
 * @throws TrimtabError invalid_request for settings that the method rejects, including a run too short for it; for more ranks, bottleneck columns, positions or numbers than can be served; or for examples longer than the context.
 */
export function checkMethod(
  method: Method,
  baseConfig: unknown,
  heapLimitBytes: number,
): { readonly maxLength: number } {
  const config = parseModelConfig(baseConfig);
  const path = settingsPath(method);
  checkOwnSettings(method, config);
  const { peft, hyperparameters } = settingsOf(method);
  const plan = peft === undefined ? undefined : servablePlan(peft, { config, heapLimitBytes, param: `${path}.peft` });
  requireWeightsToHold(method);
  requireRoomForScorer(method, { config, heapLimitBytes, plan });
  const { max_length: length, max_steps: steps } = hyperparameters ?? {};
  // Without `max_steps` only the trainer can count the steps, and it makes the same check.
  if (steps !== undefined) plan?.checkSteps?.(steps);
  const positions = plan?.serving.positions ?? 0;
  const room = config.maxPositions - positions;
  if (length !== undefined && length > room) {
    const param = `${path}.hyperparameters.max_length`;
    const taken = positions === 0 ? "" : ` less the ${positions} positions that the method takes`;
    throw new TrimtabError(
      "invalid_request",
      `\`${param}\` must be at most ${room}, the context of this model${taken}.`,
      { param },
    );
  }
  return { maxLength: length ?? room };
}

/** Throws `invalid_request` for `ewc_lambda` with a method that changes no weights of the base. */
function requireWeightsToHold(method: Method): void {
  const { peft, hyperparameters } = settingsOf(method);
  if (hyperparameters?.ewc_lambda === undefined) return;
  const other = methodsOf(peft ?? []).find(({ settings }) => !peftMethod(settings).traits.mergeable);
  if (other === undefined) return;
  const param = `${settingsPath(method)}.hyperparameters.ewc_lambda`;
  throw new TrimtabError(
    "invalid_request",
    `\`${param}\` holds the base's weights where they are, and \`${other.settings.type}\` changes none of them: leave it out, or train with full or a method such as lora.`,
    { param },
  );
}

interface ScorerTarget extends Omit<ServingTarget, "param"> {
  readonly plan: MethodPlan | undefined;
}

/** Throws `invalid_request` for a scorer that cannot be served together with the methods' result. */
function requireRoomForScorer(method: Method, { config, heapLimitBytes, plan }: ScorerTarget): void {
  const numbers = scorerNumbers(method, config);
  if (numbers === undefined) return;
  const { bytes: most } = servingLimits(config, heapLimitBytes);
  const bytes = 4 * (numbers + (plan === undefined ? 0 : publishedNumbers(plan)));
  if (bytes <= most) return;
  const isRanked = "value_rank" in settingsOf(method);
  const param = `${settingsPath(method)}.${isRanked ? "value_rank" : "peft"}`;
  const advice = isRanked ? "Lower it, or leave token_values out of `modes`" : "Choose a smaller method";
  throw new TrimtabError(
    "invalid_request",
    `\`${param}\` makes a delta of up to ${bytes} bytes of numbers, but the most that is served on this model is ${most}. ${advice}.`,
    { param },
  );
}

interface ServingTarget {
  readonly config: ModelConfig;
  readonly heapLimitBytes: number;
  /** The path of the methods in the request. */
  readonly param: string;
}

/** The plan of the methods. Throws `invalid_request` if this model cannot serve the result. */
function servablePlan(settings: PeftChoice, { config, heapLimitBytes, param }: ServingTarget): MethodPlan {
  const plan = planMethods({ config, settings, param });
  const demand = { ...plan.serving, bytes: isWholeModel(plan) ? 0 : 4 * publishedNumbers(plan) };
  const beyond = beyondLimits(demand, servingLimits(config, heapLimitBytes));
  if (beyond === undefined) return plan;
  throw new TrimtabError(
    "invalid_request",
    `\`${param}\` has ${beyond.has}, but the most that is served on this model is ${beyond.most}.`,
    { param },
  );
}
