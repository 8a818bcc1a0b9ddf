import { f32, type Tensor } from "../tensor.ts";
import type { ModelConfig } from "./config.ts";
import { scaleFrequency } from "./rope-scaling.ts";

/**
 * cos and sin of position · θ^(−2i/P), each [positions, P/2], with the model's scaling of the frequencies (P is the width
 * of a head). Like transformers, rounds the angle to float32 first, so that long contexts agree. Su et al. 2021.
 */
export function ropeTables(config: ModelConfig, positions: number): { cos: Tensor<"f32">; sin: Tensor<"f32"> } {
  const half = config.headDim / 2;
  const cos = new Float32Array(positions * half);
  const sin = new Float32Array(positions * half);
  for (let i = 0; i < half; i++) {
    const frequency = Math.fround(
      scaleFrequency(1 / config.ropeTheta ** ((2 * i) / config.headDim), config.ropeScaling),
    );
    for (let position = 0; position < positions; position++) {
      const angle = Math.fround(position * frequency);
      cos[position * half + i] = Math.cos(angle);
      sin[position * half + i] = Math.sin(angle);
    }
  }
  return { cos: f32([positions, half], cos), sin: f32([positions, half], sin) };
}
