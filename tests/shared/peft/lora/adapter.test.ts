import { describe, expect, test } from "vitest";
import { product, widened } from "../../../../shared/linalg/matrix.ts";
import { EMBEDDING, weightName } from "../../../../shared/model/modules.ts";
import {
  canonicalLora,
  countLora,
  type LoraAdapter,
  startOfLayer,
  withoutStart,
} from "../../../../shared/peft/lora/adapter.ts";
import { type Factors, weightFactors } from "../../../../shared/peft/lora/start.ts";
import type { BaseAccess } from "../../../../shared/peft/method.ts";
import { createRandom } from "../../../../shared/random.ts";
import { f32, type Tensor, zeros } from "../../../../shared/tensor.ts";
import { goldenModel, largestDifference } from "../../model/golden-models.ts";

const qwen = await goldenModel("qwen2");
const tied = await goldenModel("tied-sharded-bf16");
const accessTo = ({ config, weights }: typeof qwen): BaseAccess => ({
  config,
  weight: async (name) => weights.get(name)!,
});
const Q0 = "layers.0.self_attn.q_proj";

const random = createRandom(3, "values");
const drawn = (...shape: number[]): Tensor<"f32"> =>
  f32(
    shape,
    Float32Array.from({ length: shape.reduce((size, dim) => size * dim, 1) }, () => random.normal()),
  );
const pair = (inSize: number, out: number, rank = 2): Factors => ({ a: drawn(inSize, rank), b: drawn(rank, out) });
const none: LoraAdapter = { rankStabilised: false, layers: new Map(), biases: new Map() };
const productOf = ({ a, b }: { readonly a?: Tensor<"f32">; readonly b?: Tensor<"f32"> }) =>
  product(widened(a!), widened(b!)).data;

describe("canonicalLora", () => {
  test("folds the scale into B and its bias, and does not change A", async () => {
    const layer = { ...pair(32, 32, 4), bias: drawn(32), alpha: 6 };
    const layers = new Map([[Q0, layer]]);
    const times = (value: Tensor<"f32">, factor: number) =>
      f32(
        value.shape,
        value.data.map((x) => x * factor),
      );
    const plain = await canonicalLora({ ...none, layers }, accessTo(qwen));
    expect([...plain.linears]).toEqual([
      [Q0, { a: layer.a, b: times(layer.b, 6 / 4), bias: times(layer.bias, 6 / 4) }],
    ]);
    expect(plain.linears.get(Q0)!.a).toBe(layer.a);
    const stabilised = await canonicalLora({ ...none, layers, rankStabilised: true }, accessTo(qwen));
    expect(stabilised.linears.get(Q0)!.b).toEqual(times(layer.b, 3));
  });

  test("puts the embedding's factors in their own part, and biases as differences from the base's", async () => {
    const embedding = { ...pair(96, 32), alpha: 2 };
    const change = drawn(32);
    const base = qwen.weights.get("model.layers.0.self_attn.q_proj.bias")!;
    const value = f32(
      [32],
      base.data.map((x, at) => x + change.data[at]!),
    );
    const delta = await canonicalLora(
      { ...none, layers: new Map([["embed_tokens", embedding]]), biases: new Map([[Q0, value]]) },
      accessTo(qwen),
    );
    expect(delta.embedding).toEqual({ a: embedding.a, b: embedding.b });
    expect([...delta.linears.keys()]).toEqual([Q0]);
    expect(largestDifference(delta.linears.get(Q0)!.bias!.data, change.data)).toBeLessThan(1e-6);
  });

  test("omits a pair with a zero factor, but keeps its bias", async () => {
    const bias = drawn(32);
    const layers = new Map([
      [Q0, { a: zeros([32, 1]), b: zeros([1, 32]), bias, alpha: 1 }],
      ["layers.0.mlp.up_proj", { ...pair(32, 64), b: zeros([2, 64]), alpha: 1 }],
    ]);
    const adapter = { ...none, layers };
    const delta = await canonicalLora(adapter, accessTo(qwen));
    expect([...delta.linears]).toEqual([[Q0, { bias }]]);
    expect(countLora(adapter)).toBe(32);
  });

  test("subtracts the initial factors: pissa and olora", async () => {
    const trained = pair(32, 32, 3);
    for (const start of ["pissa", "olora"] as const) {
      const adapter: LoraAdapter = { ...none, layers: new Map([[Q0, { ...trained, alpha: 6 }]]), start };
      const { linears } = await canonicalLora(adapter, accessTo(qwen));
      const initial = weightFactors(qwen.weights.get(weightName(Q0))!, start, { rank: 3, scale: 2 });
      expect(linears.get(Q0)!.a!.shape).toEqual([32, 6]);
      const expected = productOf(trained).map((value, at) => 2 * value - 2 * productOf(initial)[at]!);
      expect(largestDifference(productOf(linears.get(Q0)!), expected)).toBeLessThan(1e-5);
    }
  });

  test("subtracts a tied head's initial factors from the embedding too, as peft does", async () => {
    const adapter: LoraAdapter = {
      ...none,
      layers: new Map([["lm_head", { ...pair(32, 96), alpha: 2 }]]),
      start: "pissa",
    };
    const delta = await canonicalLora(adapter, accessTo(tied));
    const start = (await startOfLayer(adapter, "lm_head", accessTo(tied)))!;
    const [head, embedding] = [productOf(start), productOf(delta.embedding!)];
    const transposed = head.map((_, at) => -head[(at % 32) * 96 + Math.floor(at / 32)]!);
    expect(largestDifference(embedding, transposed)).toBeLessThan(1e-6);
    const largest = Math.max(...tied.weights.get(EMBEDDING)!.data.map(Math.abs));
    expect(Math.max(...head.map(Math.abs)) / largest).toBeGreaterThan(0.1);
    expect((await canonicalLora({ ...adapter, start: "olora" }, accessTo(qwen))).embedding).toBeUndefined();
  });
});

test("withoutStart joins both pairs with the same scale", () => {
  const [trained, start] = [pair(5, 4), pair(5, 4)];
  for (const [rankStabilised, alpha, scale] of [
    [false, 16, 4],
    [true, 8 * Math.SQRT2, 8 / Math.SQRT2],
  ] as const) {
    const layer = withoutStart({ ...trained, alpha: 8 }, start, rankStabilised);
    expect([layer.a.shape, layer.b.shape]).toEqual([
      [5, 4],
      [4, 4],
    ]);
    expect(layer.alpha).toBeCloseTo(alpha, 12);
    expect(layer.alpha / (rankStabilised ? 2 : 4)).toBeCloseTo(scale, 12);
    const expected = productOf(trained).map((value, at) => value - productOf(start)[at]!);
    expect(largestDifference(productOf(layer), expected)).toBeLessThan(1e-6);
  }
});

test("countLora counts factors, their biases and the base's", () => {
  const layers = new Map([[Q0, { ...pair(32, 32), bias: drawn(32), alpha: 1 }]]);
  expect(countLora({ ...none, layers, biases: new Map([[Q0, drawn(32)]]) })).toBe(2 * 64 + 32 + 32);
});
