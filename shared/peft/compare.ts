import { TrimtabError } from "../errors.ts";
import type { ModelConfig } from "../model/config.ts";
import { planMethods } from "./combine.ts";
import { estimateCost, type MethodCost } from "./cost.ts";
import { type ChosenSettings, suitsOf } from "./presets.ts";
import { type AnySettings, PEFT_METHODS, PeftSettings, type PeftType } from "./registry.ts";

/** One method, or one combination with a name, on one model, without training. */
export interface ComparedMethod {
  readonly settings: ChosenSettings;
  readonly mergeable: boolean;
  /** What it suits, in a sentence. */
  readonly suits: string;
  /** Undefined where the method does not fit the model; then `refusal` says why. */
  readonly cost?: MethodCost;
  readonly refusal?: string;
}

/** Every method with its defaults. */
export function defaultSettings(): AnySettings[] {
  return (Object.keys(PEFT_METHODS) as PeftType[]).map((type) => PeftSettings.parse({ type }));
}

/**
 * What each method would train, store and cost on a model. With `strict`, settings that do not fit the model throw
 * `invalid_request` with their place in `param`; without, they are reported as refused.
 */
export function compareMethods(
  config: ModelConfig,
  settings: readonly ChosenSettings[],
  { strict, param }: { readonly strict: boolean; readonly param: string },
): ComparedMethod[] {
  return settings.map((one, index) => {
    const { mergeable, suits } = suitsOf(one);
    try {
      const plan = planMethods({ config, settings: one, param: `${param}[${index}]` });
      return { settings: one, mergeable: plan.mergeable ?? mergeable, suits, cost: estimateCost(config, plan) };
    } catch (error) {
      if (strict || !(error instanceof TrimtabError) || error.code !== "invalid_request") throw error;
      return { settings: one, mergeable, suits, refusal: error.message };
    }
  });
}
