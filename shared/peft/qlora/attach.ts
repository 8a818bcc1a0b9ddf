import {
  nf4Products,
  type Quantisation,
  quantisedBytes,
  quantisedNames,
  quantiseWeights,
  throughNf4,
} from "../../model/quantised-weights.ts";
import { attachLora, planLora } from "../lora/attach.ts";
import type { LoraSettings } from "../lora/settings.ts";
import type { AttachedMethod, AttachOptions, MethodPlan, PeftMethod, PlanOptions } from "../method.ts";
import type { QloraSettings } from "./settings.ts";

/** The LoRA part of the settings. */
export function loraPart(settings: QloraSettings): LoraSettings {
  const { bnb_4bit_quant_type: _, bnb_4bit_use_double_quant: __, ...lora } = settings;
  return { ...lora, type: "lora" };
}

export function quantisationOf({ bnb_4bit_use_double_quant: doubleQuantised }: QloraSettings): Quantisation {
  return { doubleQuantised };
}

/** LoRA's parameters, with the base in 4 bits per weight. */
export function planQlora(options: PlanOptions<QloraSettings>): MethodPlan {
  const { config, settings } = options;
  const plan = planLora({ ...options, settings: loraPart(settings) });
  return {
    ...plan,
    claims: [...(plan.claims ?? []), "base"],
    frozenBytes: quantisedBytes(config, quantisationOf(settings)),
  };
}

/**
 * LoRA on a base whose linear weights are kept in 4-bit NF4 during training (Dettmers et al., "QLoRA: Efficient Finetuning of
 * Quantized LLMs", 2023). Products with them are computed in float32. Step 0 equals the quantised base, so losses before and
 * after training compare without the effect of quantisation.
 */
export function attachQlora(options: AttachOptions<QloraSettings>): AttachedMethod {
  const { config, weights, settings } = options;
  const quantisation = quantisationOf(settings);
  const lora = attachLora({ ...options, settings: loraPart(settings) });
  const base = quantiseWeights(config, weights, quantisation);
  return {
    ...lora,
    frozen: new Map([...base, ...(lora.frozen ?? [])]),
    replaced: new Set([...quantisedNames(config), ...(lora.replaced ?? [])]),
    rewrite: (context) => ({
      ...lora.rewrite?.(context),
      product: nf4Products(context.b, { config, quantisation, input: context.parameter }),
    }),
  };
}

/** Adapters are trained on the base's weights after 4-bit quantisation, and must be merged into those. */
export const qloraBase: NonNullable<PeftMethod<QloraSettings>["base"]> = ({ config, settings }) =>
  throughNf4(config, quantisationOf(settings));
