import { TrimtabError } from "../errors.ts";
import type { ModelConfig } from "../model/config.ts";
import { planMethods } from "./combine.ts";
import { estimateCost, type MethodCost } from "./cost.ts";
import { type ChosenSettings, suitsOf } from "./presets.ts";
import { type AnySettings, PEFT_METHODS, PeftSettings, type PeftType } from "./registry.ts";

/** A method or a preset on a model, judged without training. */
export interface ComparedMethod {
  readonly settings: ChosenSettings;
  readonly mergeable: boolean;
  /** What the method is good for, in one sentence. */
  readonly suits: string;
  /** Undefined if the method does not fit the model; `refusal` then says why. */
  readonly cost?: MethodCost;
  readonly refusal?: string;
}

/** Every method with its default settings. */
export function defaultSettings(): AnySettings[] {
  return (Object.keys(PEFT_METHODS) as PeftType[]).map((type) => PeftSettings.parse({ type }));
}

/**
 * What each method would train, store and cost on a model. Settings that do not fit the model throw `invalid_request` with
 * their `param` if `strict` is set; otherwise their `refusal` is reported.
 */
export function compareMethods(
  config: ModelConfig,
  settings: readonly ChosenSettings[],
  { strict, param }: { readonly strict: boolean; readonly param: string },
): ComparedMethod[] {
  return settings.map((chosen, index) => {
    const { mergeable, suits } = suitsOf(chosen);
    try {
      const plan = planMethods({ config, settings: chosen, param: `${param}[${index}]` });
      return { settings: chosen, mergeable: plan.mergeable ?? mergeable, suits, cost: estimateCost(config, plan) };
    } catch (error) {
      if (strict || !(error instanceof TrimtabError) || error.code !== "invalid_request") throw error;
      return { settings: chosen, mergeable, suits, refusal: error.message };
    }
  });
}
