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
  options: ComparisonOptions,
): ComparedMethod[] {
  return [...comparisonSteps(config, settings, options)];
}

export interface ComparisonOptions {
  readonly strict: boolean;
  readonly param: string;
}

/** Like `compareMethods`, but one method at a time, so that the caller can do other work in between. */
export function* comparisonSteps(
  config: ModelConfig,
  settings: readonly ChosenSettings[],
  { strict, param }: ComparisonOptions,
): Generator<ComparedMethod, void> {
  for (const [index, chosen] of settings.entries()) {
    const { mergeable, suits } = suitsOf(chosen);
    try {
      const plan = planMethods({ config, settings: chosen, param: `${param}[${index}]` });
      yield { settings: chosen, mergeable: plan.mergeable ?? mergeable, suits, cost: estimateCost(config, plan) };
    } catch (error) {
      if (strict || !(error instanceof TrimtabError) || error.code !== "invalid_request") throw error;
      yield { settings: chosen, mergeable, suits, refusal: error.message };
    }
  }
}
