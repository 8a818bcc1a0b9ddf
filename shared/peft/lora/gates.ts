import { TrimtabError } from "../../errors.ts";
import type { Gate, PlanOptions } from "../method.ts";
import { factorBiasName, factorNames } from "./attach.ts";
import type { LoraSettings } from "./settings.ts";
import { loraTargets, startsFromWeights } from "./targets.ts";

/** One gate for each layer's product. Throws `invalid_request` for factors that start as part of the weight. */
export function loraGates(options: PlanOptions<LoraSettings>): Gate[] {
  const { settings, param } = options;
  if (startsFromWeights(settings)) {
    throw new TrimtabError(
      "invalid_request",
      `\`${param}.init_lora_weights\`: \`${settings.init_lora_weights}\` starts from part of the weight, which gates would scale down; remove it, or turn off gates.`,
      { param: `${param}.init_lora_weights` },
    );
  }
  return loraTargets(options).factors.map(({ path }) => ({
    name: `${path}.lora`,
    parameters: [factorNames(path).b, ...(settings.lora_bias ? [factorBiasName(path)] : [])],
    parts: 1,
  }));
}
