import { TrimtabError } from "../../errors.ts";
import { EMBEDDING_PATH } from "../../model/modules.ts";
import type { LinearChange, LinearSite } from "../../model/rewrite.ts";
import type { Tensor } from "../../tensor.ts";
import { inputDropout } from "../input-dropout.ts";
import { factorNames } from "../lora/attach.ts";
import { layerWeight, layerWeightName, randomFactors } from "../lora/start.ts";
import { type FactorTarget, factorTargets } from "../lora/targets.ts";
import type { AttachedMethod, AttachOptions, MethodPlan, Parameter, PlanOptions, RewriteContext } from "../method.ts";
import { columnNorms, columnSquares, rootsOf } from "./norms.ts";
import type { DoraSettings } from "./settings.ts";

/** The name of a layer's magnitude [out], one number for each output. */
export const magnitudeName = (path: string) => `${path}.lora_magnitude_vector`;

/** r(in + out) + out numbers for each targeted layer; served as LoRA's factors and one scale for each output. */
export function planDora(options: PlanOptions<DoraSettings>): MethodPlan {
  const targets = doraTargets(options);
  const { loraplus_lr_ratio: ratio } = options.settings;
  // As in peft, LoRA+ trains vectors at B's rate.
  const faster = ratio === undefined ? {} : { rate: ratio };
  const parameters = targets.flatMap(({ path, in: inSize, out, rank }): Parameter[] => {
    const { a, b } = factorNames(path);
    return [
      { name: a, shape: [inSize, rank], decay: true },
      { name: b, shape: [rank, out], decay: true, ...faster },
      // No decay: the magnitude's neutral value is the norm of the weight's column, not 0.
      { name: magnitudeName(path), shape: [out], decay: false, ...faster },
    ];
  });
  return {
    parameters,
    serving: {
      rank: Math.max(...targets.map(({ rank }) => rank)),
      vectors: targets.reduce((sum, { out }) => sum + out, 0),
      columns: 0,
      positions: 0,
    },
    // The norms of a base in 4 bits differ from those of the full-precision base that the adapter is loaded on.
    readsWeights: true,
  };
}

/** The layers that get factors and a magnitude. Throws `invalid_request` with the setting as `param`. */
export function doraTargets(options: PlanOptions<DoraSettings>): FactorTarget[] {
  const { param } = options;
  const targets = factorTargets(options);
  if (targets.every(({ path }) => path !== EMBEDDING_PATH)) return targets;
  throw new TrimtabError(
    "invalid_request",
    `\`${param}.target_modules\`: dora cannot train ${EMBEDDING_PATH}, because a served delta can add to embeddings but not scale them. Remove it, or use \`type: "lora"\` for it.`,
    { param: `${param}.target_modules`, data: { name: EMBEDDING_PATH } },
  );
}

/**
 * DoRA (Liu et al., "DoRA: Weight-Decomposed Low-Rank Adaptation", 2024): each column of W + sAB is rescaled to a trainable
 * norm m; its own norm is a constant in the gradient (section 4.3):
 *
 *     y = g ⊙ (xW + s · (xA)B) + bias,   g = m/‖W + sAB‖
 *
 * The factors start like LoRA's and m as ‖W‖, so that step 0 equals the base. With dropout, training computes
 * xW + (g − 1) ⊙ x'W + g ⊙ s · (x'A)B with the dropped-out input x', as in peft.
 */
export function attachDora(options: AttachOptions<DoraSettings>): AttachedMethod {
  const { config, settings, weights, seed } = options;
  const targets = doraTargets(options);
  const initial = new Map<string, Tensor<"f32">>();
  const layers = new Map(
    targets.map((target) => {
      const { path } = target;
      const names = factorNames(path);
      const { a, b } = randomFactors(target, "uniform", seed);
      const squares = columnSquares(layerWeight(path, weights.get(layerWeightName(path, config))!));
      initial.set(names.a, a).set(names.b, b).set(magnitudeName(path), rootsOf(squares));
      return [path, { ...target, squares }] as const;
    }),
  );
  const dropout = inputDropout(targets, settings.lora_dropout);

  const rewrite = (context: RewriteContext, { path, x, multiply }: LinearSite): LinearChange => {
    const layer = layers.get(path);
    if (layer === undefined) return {};
    const { b: g, parameter, training } = context;
    const { scale, squares } = layer;
    const [a, b] = [parameter(factorNames(path).a), parameter(factorNames(path).b)];
    const gain = g.div(parameter(magnitudeName(path)), columnNorms(g, { squares, multiply, a, b, scale }));
    const dropped = dropout.apply(context, path, x);
    // Apply the gain to the columns of B, which are shorter than those of the layer's output.
    const low = g.matmul(g.mul(g.matmul(dropped, a), scale), g.mul(b, gain));
    if (!training || settings.lora_dropout === 0) return { scale: gain, added: [low] };
    return { added: [g.mul(multiply(dropped), g.sub(gain, 1)), low] };
  };
  return {
    parameters: planDora(options).parameters,
    initial,
    startsAsBase: true,
    rewrite: (context) => ({ linear: (site) => rewrite(context, site) }),
    randomInputs: dropout.randomInputs,
  };
}
