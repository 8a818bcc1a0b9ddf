import { TrimtabError } from "../../errors.ts";
import type { ModelConfig } from "../../model/config.ts";
import { adaptableModules, linearModules } from "../../model/modules.ts";
import type { ModelRewrite } from "../../model/rewrite.ts";
import { f32 } from "../../tensor.ts";
import type { AttachedMethod, AttachOptions, MethodPlan, PlanOptions, RewriteContext } from "../method.ts";
import { namesModule, resolveTargetModules } from "../target-modules.ts";
import { byLayer, NOT_ADDITIVE, type Scale, scaleName, scaleOf } from "./scales.ts";
import type { Ia3Settings } from "./settings.ts";

/** One number for each output of a layer that is scaled at its output, and for each input of one scaled at its input. */
export function planIa3(options: PlanOptions<Ia3Settings>): MethodPlan {
  const scales = targetedScales(options);
  return {
    // Decay would pull towards 0, where 1 is what leaves a layer as it is.
    parameters: scales.map(({ path, size }) => ({ name: scaleName(path), shape: [size], decay: false })),
    serving: { rank: 0, vectors: servedVectors(options.config, scales), columns: 0, positions: 0 },
  };
}

/**
 * (IA)³ (Liu et al., "Few-Shot Parameter-Efficient Fine-Tuning is Better and Cheaper than In-Context Learning", 2022): the
 * outputs of layers, or their inputs, times learned vectors that start at 1. A scale of an input is learnt where that input
 * is made (`scaleOf`). Several adapters on one row add up, while peft multiplies them.
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
 * The scales that the settings ask for, in the order of the computation.
 * Throws `invalid_request` for names that match nothing, and for inputs that cannot be scaled by an additive delta.
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
    if (stray !== undefined) throw refuse(`${stray} is not among the \`target_modules\`; name it there too.`);
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

/** A scale for each layer that one acts on, and what that does to the layer's bias. */
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
      // The whole output is scaled, and the base's bias comes in unscaled after this.
      return bias === undefined ? { scale } : { scale, added: [b.mul(b.sub(scale, 1), bias)] };
    },
  };
}
