import type { CanonicalDelta } from "../../delta/canonical.ts";
import type { ModelConfig } from "../../model/config.ts";
import { biasName, EMBEDDING, inputNorm, postAttentionNorm, weightName } from "../../model/modules.ts";
import { ropeTables } from "../../model/rope.ts";
import type { Weights } from "../../model/weights.ts";
import { f32, type Tensor } from "../../tensor.ts";

/**
 * The keys (rotated) and values [T, K·P] of each layer in the base's cache after it has read the tokens from position 0 on
 * (T tokens, K key/value heads of width P).
 *
 * Implements the decoder without a graph, because methods have no executor. Meant for a few dozen tokens before training: it
 * takes 2·T operations per weight, or seconds for a hundred million weights.
 */
export function statesOfText(
  config: ModelConfig,
  weights: Weights,
  ids: readonly number[],
): NonNullable<CanonicalDelta["prefix"]> {
  const { hiddenSize, layers } = config;
  const count = ids.length;
  const table = weights.get(EMBEDDING)!.data;
  const stream = new Float64Array(count * hiddenSize);
  for (const [at, id] of ids.entries()) {
    stream.set(table.subarray(id * hiddenSize, (id + 1) * hiddenSize), at * hiddenSize);
  }
  const linear = (path: string, x: Float64Array) =>
    product(x, count, weights.get(weightName(path))!, weights.get(biasName(path)));
  const norm = (name: string) => normed(stream, weights.get(name)!, config.normEpsilon);
  const addToStream = (y: Float64Array) => {
    for (let i = 0; i < stream.length; i++) stream[i]! += y[i]!;
  };
  const tables = ropeTables(config, count);
  const states: { key: Tensor<"f32">; value: Tensor<"f32"> }[] = [];
  for (let layer = 0; layer < layers; layer++) {
    const path = (name: string) => `layers.${layer}.${name}`;
    const x = norm(inputNorm(layer));
    const key = rotated(linear(path("self_attn.k_proj"), x), config, tables);
    const value = linear(path("self_attn.v_proj"), x);
    const shape = [count, config.kvHeads * config.headDim];
    states.push({ key: f32(shape, Float32Array.from(key)), value: f32(shape, Float32Array.from(value)) });
    if (layer === layers - 1) break;
    const query = rotated(linear(path("self_attn.q_proj"), x), config, tables);
    addToStream(linear(path("self_attn.o_proj"), attention(config, count, { query, key, value })));
    const z = norm(postAttentionNorm(layer));
    const gate = linear(path("mlp.gate_proj"), z);
    const up = linear(path("mlp.up_proj"), z);
    addToStream(
      linear(
        path("mlp.down_proj"),
        up.map((u, i) => (u * gate[i]!) / (1 + Math.exp(-gate[i]!))),
      ),
    );
  }
  return states;
}

/** xW + bias for x [T, in] and W [in, out]. */
function product(x: Float64Array, count: number, weight: Tensor<"f32">, bias: Tensor<"f32"> | undefined): Float64Array {
  const [inSize, out] = weight.shape as readonly [number, number];
  const y = new Float64Array(count * out);
  if (bias !== undefined) for (let row = 0; row < count; row++) y.set(bias.data, row * out);
  // Loop over tokens inside the loop over the weight's rows, so that each row is read once.
  for (let k = 0; k < inSize; k++) {
    const w = weight.data.subarray(k * out, (k + 1) * out);
    for (let row = 0; row < count; row++) {
      const factor = x[row * inSize + k]!;
      const first = row * out;
      for (let column = 0; column < out; column++) y[first + column]! += factor * w[column]!;
    }
  }
  return y;
}

function normed(x: Float64Array, { data: weight }: Tensor<"f32">, epsilon: number): Float64Array {
  const width = weight.length;
  const y = new Float64Array(x.length);
  for (let first = 0; first < x.length; first += width) {
    let squares = 0;
    for (let i = 0; i < width; i++) squares += x[first + i]! ** 2;
    const factor = 1 / Math.sqrt(squares / width + epsilon);
    for (let i = 0; i < width; i++) y[first + i] = x[first + i]! * factor * weight[i]!;
  }
  return y;
}

/** Applies rotary positions to every head of every row. Mutates and returns `x`. */
function rotated(
  x: Float64Array,
  { headDim }: ModelConfig,
  { cos, sin }: { cos: Tensor<"f32">; sin: Tensor<"f32"> },
): Float64Array {
  const [count, half] = cos.shape as readonly [number, number];
  const width = x.length / count;
  for (let row = 0; row < count; row++) {
    for (let first = row * width; first < (row + 1) * width; first += headDim) {
      for (let i = 0; i < half; i++) {
        const [c, s] = [cos.data[row * half + i]!, sin.data[row * half + i]!];
        const [a, b] = [x[first + i]!, x[first + half + i]!];
        x[first + i] = a * c - b * s;
        x[first + half + i] = b * c + a * s;
      }
    }
  }
  return x;
}

interface AttentionInputs {
  /** [T, H·P] */
  readonly query: Float64Array;
  /** [T, K·P], like the value. */
  readonly key: Float64Array;
  readonly value: Float64Array;
}

/** Causal attention, with H/K query heads sharing each key head → [T, H·P]. */
function attention(
  { heads, kvHeads, headDim }: ModelConfig,
  count: number,
  { query, key, value }: AttentionInputs,
): Float64Array {
  const result = new Float64Array(count * heads * headDim);
  const scores = new Float64Array(count);
  for (let head = 0; head < heads; head++) {
    const shared = Math.floor((head * kvHeads) / heads) * headDim;
    for (let row = 0; row < count; row++) {
      const own = (row * heads + head) * headDim;
      let highest = Number.NEGATIVE_INFINITY;
      for (let past = 0; past <= row; past++) {
        const first = past * kvHeads * headDim + shared;
        let score = 0;
        for (let i = 0; i < headDim; i++) score += query[own + i]! * key[first + i]!;
        scores[past] = score / Math.sqrt(headDim);
        highest = Math.max(highest, scores[past]!);
      }
      let total = 0;
      for (let past = 0; past <= row; past++) {
        scores[past] = Math.exp(scores[past]! - highest);
        total += scores[past]!;
      }
      for (let past = 0; past <= row; past++) {
        const first = past * kvHeads * headDim + shared;
        const share = scores[past]! / total;
        for (let i = 0; i < headDim; i++) result[own + i]! += share * value[first + i]!;
      }
    }
  }
  return result;
}
