import type { CanonicalDelta } from "../../delta/canonical.ts";
import type { ModelConfig } from "../../model/config.ts";
import { f32, type Tensor } from "../../tensor.ts";

/**
 * A flat prefix, as in peft's files and in training: [n, 2·L·K·P], with the first layer's key and value, then the second
 * layer's, and so on, for each position (L layers, K key/value heads of width P).
 */
export const PREFIX = "prompt_embeddings";

type LayerStates = NonNullable<CanonicalDelta["prefix"]>;

export const keyWidth = ({ kvHeads, headDim }: ModelConfig) => kvHeads * headDim;
export const flatWidth = (config: ModelConfig) => 2 * config.layers * keyWidth(config);

/** [n, 2·L·K·P] → a key and a value [n, K·P] for each layer. */
export function statesOf(config: ModelConfig, flat: Tensor<"f32">): LayerStates {
  const [count, width] = flat.shape as readonly [number, number];
  const part = keyWidth(config);
  const slice = (at: number) => {
    const data = new Float32Array(count * part);
    for (let row = 0; row < count; row++) {
      const first = row * width + at * part;
      data.set(flat.data.subarray(first, first + part), row * part);
    }
    return f32([count, part], data);
  };
  return Array.from({ length: config.layers }, (_, layer) => ({ key: slice(2 * layer), value: slice(2 * layer + 1) }));
}

/** The inverse of `statesOf`. */
export function flattened(config: ModelConfig, states: LayerStates): Tensor<"f32"> {
  const part = keyWidth(config);
  const width = flatWidth(config);
  const count = states[0]!.key.shape[0]!;
  const flat = new Float32Array(count * width);
  for (const [layer, { key, value }] of states.entries()) {
    for (const [kind, { data }] of [key, value].entries()) {
      for (let row = 0; row < count; row++) {
        flat.set(data.subarray(row * part, (row + 1) * part), row * width + (2 * layer + kind) * part);
      }
    }
  }
  return f32([count, width], flat);
}
