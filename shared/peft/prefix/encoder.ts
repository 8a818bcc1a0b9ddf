/**
 * The small network that generates a prefix during training: flat = tanh(E·W₁ + b₁)·W₂ + b₂, with E [n, K·P] trained too
 * (W₁ [K·P, hidden], W₂ [hidden, 2·L·K·P]). Only the flat prefix is published. Li & Liang 2021.
 */
import type { GraphBuilder } from "../../graph/builder.ts";
import type { Value } from "../../graph/graph.ts";
import type { ModelConfig } from "../../model/config.ts";
import { createRandom } from "../../random.ts";
import { f32, type Tensor, zeros } from "../../tensor.ts";
import type { Parameter } from "../method.ts";
import { flatWidth, keyWidth } from "./flat-prefix.ts";
import type { PrefixSettings } from "./settings.ts";

/** Names as in peft, whose matrices are the transposes of these. */
export const ENCODER = {
  embedding: "embedding.weight",
  first: { weight: "transform.0.weight", bias: "transform.0.bias" },
  second: { weight: "transform.2.weight", bias: "transform.2.bias" },
} as const;

export function encoderParameters(config: ModelConfig, settings: PrefixSettings): Parameter[] {
  const { num_virtual_tokens: count, encoder_hidden_size: hidden = keyWidth(config) } = settings;
  const layer = ({ weight, bias }: { weight: string; bias: string }, inSize: number, out: number): Parameter[] => [
    { name: weight, shape: [inSize, out], decay: true },
    { name: bias, shape: [out], decay: false },
  ];
  return [
    { name: ENCODER.embedding, shape: [count, keyWidth(config)], decay: true },
    ...layer(ENCODER.first, keyWidth(config), hidden),
    ...layer(ENCODER.second, hidden, flatWidth(config)),
  ];
}

/** E starts normal, and the layers uniform in ±1/√in, as in PyTorch; with `init_weights: "zero"`, the last layer is 0. */
export function firstEncoder(
  parameters: readonly Parameter[],
  { init_weights: init }: PrefixSettings,
  seed: number,
): Map<string, Tensor<"f32">> {
  const inputs = (name: string) => parameters.find((parameter) => parameter.name === name)!.shape[0]!;
  const bounds: Readonly<Record<string, number>> = {
    [ENCODER.first.weight]: 1 / Math.sqrt(inputs(ENCODER.first.weight)),
    [ENCODER.first.bias]: 1 / Math.sqrt(inputs(ENCODER.first.weight)),
    [ENCODER.second.weight]: 1 / Math.sqrt(inputs(ENCODER.second.weight)),
    [ENCODER.second.bias]: 1 / Math.sqrt(inputs(ENCODER.second.weight)),
  };
  const first = ({ name, shape }: Parameter): Tensor<"f32"> => {
    const random = createRandom(seed, "init", "prefix", name);
    const values = zeros(shape);
    if (init === "zero" && (name === ENCODER.second.weight || name === ENCODER.second.bias)) return values;
    const bound = bounds[name];
    const draw = bound === undefined ? () => random.normal() : () => bound * (2 * random.float() - 1);
    return f32(shape, values.data.map(draw));
  };
  return new Map(parameters.map((parameter) => [parameter.name, first(parameter)]));
}

/** The flat prefix in a graph. */
export function encoderGraph(b: GraphBuilder, parameter: (name: string) => Value): Value {
  const layer = (x: Value, { weight, bias }: { weight: string; bias: string }) =>
    b.add(b.matmul(x, parameter(weight)), parameter(bias));
  return layer(b.tanh(layer(parameter(ENCODER.embedding), ENCODER.first)), ENCODER.second);
}

/** The flat prefix computed from values. */
export function encoded(values: ReadonlyMap<string, Tensor<"f32">>): Tensor<"f32"> {
  const layer = (x: Float64Array, { weight, bias }: { weight: string; bias: string }) => {
    const [inSize, out] = values.get(weight)!.shape as readonly [number, number];
    const [w, added] = [values.get(weight)!.data, values.get(bias)!.data];
    const rows = x.length / inSize;
    const y = new Float64Array(rows * out);
    for (let row = 0; row < rows; row++) {
      y.set(added, row * out);
      for (let k = 0; k < inSize; k++) {
        const factor = x[row * inSize + k]!;
        for (let column = 0; column < out; column++) y[row * out + column]! += factor * w[k * out + column]!;
      }
    }
    return y;
  };
  const embedding = values.get(ENCODER.embedding)!;
  const flat = layer(layer(Float64Array.from(embedding.data), ENCODER.first).map(Math.tanh), ENCODER.second);
  const count = embedding.shape[0]!;
  return f32([count, flat.length / count], Float32Array.from(flat));
}
