import { describe, expect, test } from "vitest";
import { readCanonicalParts } from "../../../shared/delta/canonical-parts.ts";
import { fromF32, type SafetensorsTensor } from "../../../shared/formats/safetensors.ts";
import { goldenConfig } from "../peft/golden-adapters.ts";

const { hiddenSize: width, vocabSize, layers, kvHeads, headDim } = goldenConfig;
const Q0 = "layers.0.self_attn.q_proj";
const MLP1 = "layers.1.mlp";

const filled = (shape: readonly number[], value = 1, dtype: "F32" | "F16" = "F32"): SafetensorsTensor => ({
  dtype,
  shape,
  bytes: fromF32(new Float32Array(shape.reduce((product, dim) => product * dim, 1)).fill(value), dtype),
});

/** One tensor of each kind, in valid shapes. */
function everything(): Map<string, SafetensorsTensor> {
  const shapes: Record<string, readonly number[]> = {
    [`${Q0}.A`]: [width, 3],
    [`${Q0}.B`]: [3, width],
    [`${Q0}.s`]: [width],
    [`${Q0}.b`]: [width],
    "lm_head.A": [width, 2],
    "lm_head.B": [2, vocabSize],
    [`${MLP1}.down`]: [width, 5],
    [`${MLP1}.down_bias`]: [5],
    [`${MLP1}.up`]: [5, width],
    [`${MLP1}.up_bias`]: [width],
    [`${MLP1}.from_output`]: [5],
    [`${MLP1}.from_stream`]: [5],
    [`${MLP1}.silu`]: [5],
    "embed_tokens.A": [vocabSize, 2],
    "embed_tokens.B": [2, width],
    prompt: [4, width],
  };
  for (let layer = 0; layer < layers; layer++) {
    shapes[`prefix.${layer}.key`] = [6, kvHeads * headDim];
    shapes[`prefix.${layer}.value`] = [6, kvHeads * headDim];
  }
  return new Map(Object.entries(shapes).map(([name, shape]) => [name, filled(shape)]));
}
const read = (tensors: ReadonlyMap<string, SafetensorsTensor>) =>
  readCanonicalParts(tensors, goldenConfig, "serving.safetensors");

test("every kind of tensor ends up in its part", () => {
  const { linears, bottlenecks, embedding, prompt, prefix } = read(everything());
  expect([...linears].map(([path, module]) => [path, Object.keys(module).sort()])).toEqual([
    [Q0, ["a", "b", "bias", "scale"]],
    ["lm_head", ["a", "b"]],
  ]);
  expect(linears.get(Q0)!.a).toMatchObject({ dtype: "f32", shape: [width, 3] });
  expect([...bottlenecks.keys()]).toEqual([MLP1]);
  expect(bottlenecks.get(MLP1)!.up.shape).toEqual([5, width]);
  expect([embedding!.a.shape, embedding!.b.shape]).toEqual([
    [vocabSize, 2],
    [2, width],
  ]);
  expect(prompt!.shape).toEqual([4, width]);
  expect(prefix!.map(({ key, value }) => [key.shape[0], value.shape[0]])).toEqual(Array(layers).fill([6, 6]));
});

describe("errors name the tensor", () => {
  const set = (name: string, tensor: SafetensorsTensor) => (tensors: Map<string, SafetensorsTensor>) =>
    tensors.set(name, tensor);
  const without = (name: string) => (tensors: Map<string, SafetensorsTensor>) => tensors.delete(name);
  const lastKey = `prefix.${layers - 1}.key`;

  test.each<[string, (tensors: Map<string, SafetensorsTensor>) => unknown, string]>([
    ["nothing", (tensors) => tensors.clear(), "contains no tensors"],
    [
      "an unknown name",
      set("layers.99.x.A", filled([1])),
      'has a tensor "layers.99.x.A", which matches no layer of the base',
    ],
    ["A without B", without(`${Q0}.B`), `lacks the tensor ${Q0}.B`],
    ["B without A", without(`${Q0}.A`), `lacks the tensor ${Q0}.A`],
    [
      "A of a wrong height",
      set(`${Q0}.A`, filled([width + 1, 3])),
      `has a tensor ${Q0}.A F32 [${width + 1}, 3] that does not fit the base model`,
    ],
    ["A and B of different ranks", set(`${Q0}.A`, filled([width, 2])), `has a tensor ${Q0}.B F32 [3, ${width}]`],
    ["a rank of 0", set(`${Q0}.A`, filled([width, 0])), `has a tensor ${Q0}.A F32 [${width}, 0]`],
    ["another dtype", set(`${Q0}.A`, filled([width, 3], 1, "F16")), `has a tensor ${Q0}.A F16`],
    ["a bias of the wrong length", set(`${Q0}.b`, filled([3])), `has a tensor ${Q0}.b F32 [3]`],
    ["half a bottleneck", without(`${MLP1}.silu`), `lacks the tensor ${MLP1}.silu`],
    ["columns that differ", set(`${MLP1}.up`, filled([4, width])), `has a tensor ${MLP1}.up F32 [4, ${width}]`],
    ["an invalid flag", set(`${MLP1}.silu`, filled([5], 0.5)), `has flags for ${MLP1} (silu) other than 0 and 1`],
    ["half an embedding", without("embed_tokens.B"), "lacks the tensor embed_tokens.B"],
    ["a prompt of the wrong width", set("prompt", filled([4, width + 1])), `has a tensor prompt F32 [4, ${width + 1}]`],
    ["a prefix that skips a layer", without(lastKey), `lacks the tensor ${lastKey}`],
    ["a prefix of two lengths", set(lastKey, filled([5, kvHeads * headDim])), `has a tensor ${lastKey} F32 [5,`],
  ])("%s", (_name, change, message) => {
    const tensors = everything();
    change(tensors);
    expect(() => read(tensors)).toThrow(
      expect.objectContaining({
        code: "invalid_delta",
        message: expect.stringContaining(`serving.safetensors ${message}`),
      }),
    );
  });
});
