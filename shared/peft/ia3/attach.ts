import { TrimtabError } from "../../errors.ts";
import type { ModelConfig } from "../../model/config.ts";
import { adaptableModules, linearModules } from "../../model/modules.ts";
import type { ModelRewrite } from "../../model/rewrite.ts";
import { f32 } from "../../tensor.ts";
import type { AttachedMethod, AttachOptions, MethodPlan, PlanOptions, RewriteContext } from "../method.ts";
import { namesModule, resolveTargetModules } from "../target-modules.ts";
import { byLayer, NOT_ADDITIVE, type Scale, scaleName, scaleOf } from "./scales.ts";
import type { Ia3Settings } from "./settings.ts";

/** One number for each output of a layer scaled at its output, and for each input of a layer scaled at its input. */
export function planIa3(options: PlanOptions<Ia3Settings>): MethodPlan {
  const scales = targetedScales(options);
  return {
    // No decay: the neutral value of a scale is 1, not 0.
    parameters: scales.map(({ path, size }) => ({ name: scaleName(path), shape: [size], decay: false })),
    serving: { rank: 0, vectors: servedVectors(options.config, scales), columns: 0, positions: 0 },
  };
}

/**
 * (IA)³ (Liu et al., "Few-Shot Parameter-Efficient Fine-Tuning is Better and Cheaper than In-Context Learning", 2022)
 * multiplies the outputs or inputs of layers by trainable vectors that start at 1. The scale of an input is applied where that
 * input is computed (`scaleOf`). Several adapters on one row are summed, whereas peft multiplies them.
 */
export function attachIa3(options: AttachOptions<Ia3Settings>): AttachedMethod {
  const { parameters } = planIa3(options);
  const scales = byLayer(targetedScales(options));
  return {
    parameters,
    initial: new Map(parameters.map(({ name, shape }) => [name, f32(shape, new Float32Array(shape[0]!).fill(1))])),
    startsAsBase: true,
    rewrite: (context) => scaleLayers(context, scales),
    randomInputs: () => [],
  };
}

/**
 * The scales that the settings specify, in order of computation.
 * Throws `invalid_request` for names that match nothing, and for inputs that an additive delta cannot scale.
 */
export function targetedScales({ config, settings, param }: PlanOptions<Ia3Settings>): Scale[] {
  const targets = resolveTargetModules(config, settings.target_modules, `${param}.target_modules`);
  const atInput = inputTargets(config, settings, param);
  const refuse = (problem: string) =>
    new TrimtabError("invalid_request", `\`${param}.feedforward_modules\`: ${problem}`, {
      param: `${param}.feedforward_modules`,
    });
  const chosen = new Set(targets.map(({ path }) => path));
  if (settings.feedforward_modules !== undefined) {
    const stray = [...atInput].find((path) => !chosen.has(path));
    if (stray !== undefined) throw refuse(`${stray} is not in \`target_modules\`; add it there too.`);
  }
  return targets.map((module) => {
    const scale = scaleOf(config, module, atInput.has(module.path));
    if (scale === undefined) throw refuse(`the input of ${module.path} cannot be scaled: ${NOT_ADDITIVE}.`);
    return scale;
  });
}

function inputTargets(
  config: ModelConfig,
  { feedforward_modules: names }: Ia3Settings,
  param: string,
): ReadonlySet<string> {
  const found =
    names === undefined
      ? linearModules(config).filter(({ path }) => namesModule("down_proj", path))
      : names.length === 0
        ? []
        : resolveTargetModules(config, names, `${param}.feedforward_modules`);
  return new Set(found.map(({ path }) => path));
}

/** The size of the served vectors: a scale for each affected layer, and the change to its bias. */
function servedVectors(config: ModelConfig, scales: readonly Scale[]): number {
  const layers = byLayer(scales);
  return adaptableModules(config).reduce(
    (sum, { path, out, bias }) => sum + (layers.has(path) ? out * (bias ? 2 : 1) : 0),
    0,
  );
}

function scaleLayers({ b, parameter }: RewriteContext, layers: ReadonlyMap<string, readonly Scale[]>): ModelRewrite {
  return {
    linear: ({ path, bias }) => {
      const parts = layers.get(path);
      if (parts === undefined) return {};
      const scale = parts.map((part) => parameter(scaleName(part.path))).reduce((product, l) => b.mul(product, l));
      // (IA)³ scales the whole output, but the base's bias is added unscaled afterwards; add the difference.
      return bias === undefined ? { scale } : { scale, added: [b.mul(b.sub(scale, 1), bias)] };
    },
  };
}
