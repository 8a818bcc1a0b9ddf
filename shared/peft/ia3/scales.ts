import type { CanonicalDelta, CanonicalModule } from "../../delta/canonical.ts";
import { NO_DELTA } from "../../delta/canonical.ts";
import type { ModelConfig } from "../../model/config.ts";
import type { LinearModule } from "../../model/modules.ts";
import { f32, type Tensor } from "../../tensor.ts";

/** One trainable vector l: y = l ⊙ (xW + β) on a layer's output, or y = (l ⊙ x)W + β on its input. */
export interface Scale {
  readonly path: string;
  readonly atInput: boolean;
  /** The length of l. */
  readonly size: number;
  /** The layer whose output is multiplied by l, to the same effect. */
  readonly actsOn: string;
}

export const scaleName = (path: string) => `${path}.ia3_l`;

/**
 * The scale of a layer, or undefined if an input's scale has no equivalent on another layer's output, so that it cannot be
 * part of an additive delta. The scale of `down_proj`'s input becomes one of `up_proj`'s output, because
 * (l ⊙ (silu(g) ⊙ u))W = (silu(g) ⊙ (l ⊙ u))W. The scale of `o_proj`'s input becomes one of `v_proj`'s output, because
 * attention only averages values, but only if every query head has its own values. All other layers share their inputs.
 */
export function scaleOf(config: ModelConfig, module: LinearModule, atInput: boolean): Scale | undefined {
  const { path } = module;
  if (!atInput) return { path, atInput, size: module.out, actsOn: path };
  const maker = path.endsWith(".down_proj")
    ? path.replace(/down_proj$/, "up_proj")
    : path.endsWith(".o_proj") && config.heads === config.kvHeads
      ? path.replace(/o_proj$/, "v_proj")
      : undefined;
  return maker === undefined ? undefined : { path, atInput, size: module.in, actsOn: maker };
}

/** Why the input of a layer cannot be scaled, for error messages. */
export const NOT_ADDITIVE =
  "only the inputs of `down_proj`, and of `o_proj` in models whose query heads all have their own values, can be scaled by a delta";

/** The scales that act on each layer's output, by its path. Several scales on one layer are multiplied. */
export function byLayer(scales: readonly Scale[]): Map<string, Scale[]> {
  const found = new Map<string, Scale[]>();
  for (const scale of scales) found.set(scale.actsOn, [...(found.get(scale.actsOn) ?? []), scale]);
  return found;
}

/**
 * y = s ⊙ xW + β + (s − 1) ⊙ β, with s the product of the layer's vectors, because peft scales a layer's bias too.
 * `values` are by `scaleName`; `biases` are the base's, by the paths of the layers that have one.
 */
export function canonicalScales(
  scales: readonly Scale[],
  values: ReadonlyMap<string, Tensor<"f32">>,
  biases: ReadonlyMap<string, Tensor<"f32">>,
): CanonicalDelta {
  const linears = [...byLayer(scales)].map(([path, parts]): readonly [string, CanonicalModule] => {
    const product = new Float64Array(parts[0]!.size).fill(1);
    for (const part of parts) {
      const { data } = values.get(scaleName(part.path))!;
      for (let i = 0; i < product.length; i++) product[i]! *= data[i]!;
    }
    const scale = f32([product.length], Float32Array.from(product));
    const bias = biases.get(path);
    const added =
      bias &&
      f32(
        bias.shape,
        Float32Array.from(bias.data, (value, i) => (product[i]! - 1) * value),
      );
    return [path, added === undefined ? { scale } : { scale, bias: added }];
  });
  return { ...NO_DELTA, linears: new Map(linears) };
}
