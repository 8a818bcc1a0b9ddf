import { createRandom } from "../random.ts";
import { elementCount, f32 } from "../tensor.ts";
import type { ModelConfig } from "./config.ts";
import { weightSpecs } from "./modules.ts";
import type { Weights } from "./weights.ts";

/** Standard deviations of the embedding, and of linear weights times √in. They keep initial activations near 1. */
const EMBEDDING_STD = 0.02;
const LINEAR_GAIN = 0.6;

/**
 * Random weights for a new model: norms 1, biases 0, everything else normal. The projections that write to the residual
 * stream are divided by √(2·layers), as in GPT-2 (Radford et al. 2019), so that its variance does not grow with depth.
 * Every tensor has its own random stream, so its values do not depend on the other tensors.
 */
export function initialWeights(config: ModelConfig, seed: number): Weights {
  return new Map(
    weightSpecs(config).map(({ name, shape, transposed }) => {
      if (shape.length === 1)
        return [name, f32(shape, new Float32Array(shape[0]!).fill(name.endsWith(".bias") ? 0 : 1))];
      const residual = name.endsWith("o_proj.weight") || name.endsWith("down_proj.weight");
      const linear = LINEAR_GAIN / Math.sqrt(shape[0]! * (residual ? 2 * config.layers : 1));
      const std = transposed ? linear : EMBEDDING_STD;
      const random = createRandom(seed, "init", name);
      return [
        name,
        f32(
          shape,
          Float32Array.from({ length: elementCount(shape) }, () => std * random.normal()),
        ),
      ];
    }),
  );
}
