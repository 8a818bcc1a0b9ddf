import { TrimtabError } from "../../errors.ts";
import { type LinearModule, linearModules } from "../../model/modules.ts";
import { zeros } from "../../tensor.ts";
import { biasChangeName } from "../lora/attach.ts";
import type { AttachedMethod, AttachOptions, MethodPlan, PlanOptions } from "../method.ts";
import { ALL_LINEAR, resolveTargetModules } from "../target-modules.ts";
import type { BitfitSettings } from "./settings.ts";

/** Methods that also work on models without biases, for error messages. */
export const WITHOUT_BIASES = ["lora", "dora", "adalora", "ia3", "bottleneck", "prompt", "prefix"] as const;

/** One number for each output of the targeted layers. */
export function planBitfit(options: PlanOptions<BitfitSettings>): MethodPlan {
  const modules = biasedTargets(options);
  return {
    parameters: modules.map(({ path, out }) => ({ name: biasChangeName(path), shape: [out], decay: false })),
    serving: { rank: 0, vectors: modules.reduce((sum, { out }) => sum + out, 0), columns: 0, positions: 0 },
    mergeable: modules.every(({ bias }) => bias),
  };
}

/**
 * BitFit (Ben Zaken et al., "BitFit: Simple Parameter-efficient Fine-tuning for Transformer-based Masked Language-models",
 * 2022): only biases are trained. The parameter is the difference from the base's bias, which has the same gradient as the
 * bias and also works on a layer without one. The paper's models have biases in their norms too; these models do not.
 */
export function attachBitfit(options: AttachOptions<BitfitSettings>): AttachedMethod {
  const { parameters } = planBitfit(options);
  const trained = new Set(parameters.map(({ name }) => name));
  return {
    parameters,
    initial: new Map(parameters.map(({ name, shape }) => [name, zeros(shape)])),
    startsAsBase: true,
    rewrite: ({ parameter }) => ({
      linear: ({ path }) => (trained.has(biasChangeName(path)) ? { added: [parameter(biasChangeName(path))] } : {}),
    }),
    randomInputs: () => [],
  };
}

/**
 * The layers whose biases are trained. Throws `invalid_request` when a layer has no bias and `add_biases` is not set; for a
 * model without biases, the error names methods that would work.
 */
export function biasedTargets({ config, settings, param }: PlanOptions<BitfitSettings>): LinearModule[] {
  const { target_modules: targets = ALL_LINEAR, add_biases: adds } = settings;
  const modules = resolveTargetModules(config, targets, `${param}.target_modules`);
  if (adds) return modules;
  if (!linearModules(config).some(({ bias }) => bias)) {
    const others = WITHOUT_BIASES.map((name) => `\`${name}\``).join(", ");
    throw new TrimtabError(
      "invalid_request",
      `\`${param}\`: \`bitfit\` trains biases, and this model has none. Use one of ${others}, or set \`add_biases: true\` to add biases that start at 0.`,
      { param },
    );
  }
  const unbiased = modules.find(({ bias }) => !bias);
  if (targets !== ALL_LINEAR && unbiased !== undefined) {
    throw new TrimtabError(
      "invalid_request",
      `\`${param}.target_modules\`: ${unbiased.path} has no bias. Remove it, or set \`add_biases: true\` to add one that starts at 0.`,
      { param: `${param}.target_modules` },
    );
  }
  return modules.filter(({ bias }) => bias);
}
