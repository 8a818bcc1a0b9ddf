import { describe, expect, test } from "vitest";
import { type CanonicalDelta, type CanonicalModule, NO_DELTA } from "../../../../shared/delta/canonical.ts";
import { mergeIntoWeights } from "../../../../shared/delta/merge/into-weights.ts";
import { GraphBuilder } from "../../../../shared/graph/builder.ts";
import { product, sizes, transpose, widened } from "../../../../shared/linalg/matrix.ts";
import type { ModelConfig } from "../../../../shared/model/config.ts";
import { EMBEDDING, HEAD, weightName, weightSpecs } from "../../../../shared/model/modules.ts";
import { trainingForward } from "../../../../shared/model/training-forward.ts";
import type { Weights } from "../../../../shared/model/weights.ts";
import { f32, i64, tensor } from "../../../../shared/tensor.ts";
import { createOnnxRuntimeExecutor } from "../../../../trainer/engines/onnxruntime.ts";
import { expectClose } from "../../linalg/property.ts";
import { goldenJson, goldenModel, largestDifference } from "../../model/golden-models.ts";
import { goldenDelta } from "../../peft/golden-adapters.ts";
import { randomTensor } from "./deltas.ts";

const { config, weights } = await goldenModel("plain");
const UP = "layers.1.mlp.up_proj";
const Q = "layers.0.self_attn.q_proj";

const delta = (modules: Readonly<Record<string, CanonicalModule>>, parts: Partial<CanonicalDelta> = {}) => ({
  ...NO_DELTA,
  linears: new Map(Object.entries(modules)),
  ...parts,
});

/** The merged weight called `name`. */
function weightOf(name: string, changes: CanonicalDelta, model: ModelConfig = config, base: Weights = weights) {
  const merged = mergeIntoWeights(model, changes);
  return merged.weight(name, base.get(merged.source(name))!);
}

describe("one weight", () => {
  const { shape } = weights.get(weightName(UP))!;
  const [rows, columns] = shape as [number, number];
  const module = {
    a: randomTensor([rows, 3], "a"),
    b: randomTensor([3, columns], "b"),
    scale: randomTensor([columns], "s"),
  };

  test("is W diag(s) + AB", () => {
    const w = widened(weights.get(weightName(UP))!);
    const expected = product(widened(module.a), widened(module.b));
    for (const [index, value] of w.data.entries()) expected.data[index]! += value * module.scale.data[index % columns]!;
    expectClose(widened(weightOf(weightName(UP), delta({ [UP]: module }))), expected, 1e-7);
  });

  test("supports a scale without a product, and a product without a scale", () => {
    const { scale, ...factors } = module;
    const source = weights.get(weightName(UP))!;
    const scaled = weightOf(weightName(UP), delta({ [UP]: { scale } }));
    expect([...scaled.data]).toEqual([...source.data].map((x, i) => Math.fround(x * scale.data[i % columns]!)));
    const added = weightOf(weightName(UP), delta({ [UP]: factors }));
    expect(added.data[5]).not.toBe(source.data[5]);
  });

  test("is the base's own object if nothing changes; the base is never mutated", () => {
    const before = weights.get(weightName(UP))!.data.slice();
    weightOf(weightName(UP), delta({ [UP]: module }));
    expect(weights.get(weightName(UP))!.data).toEqual(before);
    expect(weightOf(weightName(Q), delta({ [UP]: module }))).toBe(weights.get(weightName(Q)));
  });
});

test("a bias is added to the base's bias", async () => {
  const qwen = await goldenModel("qwen2");
  const name = `model.${Q}.bias`;
  const source = qwen.weights.get(name)!;
  const bias = randomTensor(source.shape, "bias");
  const merged = weightOf(name, delta({ [Q]: { bias } }), qwen.config, qwen.weights);
  expect([...merged.data]).toEqual([...source.data].map((x, i) => Math.fround(x + bias.data[i]!)));
  expect(weightOf(weightName(Q), delta({ [Q]: { bias } }), qwen.config, qwen.weights)).toBe(
    qwen.weights.get(weightName(Q)),
  );
});

describe("embedding and head", () => {
  const { vocabSize, hiddenSize } = config;
  const embedding = { a: randomTensor([vocabSize, 2], "ea"), b: randomTensor([2, hiddenSize], "eb") };
  const head = { a: randomTensor([hiddenSize, 2], "ha"), b: randomTensor([2, vocabSize], "hb") };

  test("the head is stored as [out, in]", () => {
    const expected = product(widened(head.a), widened(head.b));
    const w = transpose(widened(weights.get(HEAD)!));
    for (const [index, value] of w.data.entries()) expected.data[index]! += value;
    expectClose(widened(weightOf(HEAD, delta({ lm_head: head }))), transpose(expected), 1e-7);
  });

  test("head and embedding of a tied pair change separately, and the head gets its own weights", () => {
    const tied = { ...config, tied: true };
    for (const changes of [delta({ lm_head: head }), delta({}, { embedding })]) {
      const merged = mergeIntoWeights(tied, changes);
      expect(merged.config).toEqual(config);
      expect(merged.source(HEAD)).toBe(EMBEDDING);
      const isHead = changes.linears.size > 0;
      const [kept, changed] = isHead ? [EMBEDDING, HEAD] : [HEAD, EMBEDDING];
      expect(merged.weight(kept, weights.get(EMBEDDING)!)).toBe(weights.get(EMBEDDING));
      const { data } = merged.weight(changed, weights.get(EMBEDDING)!);
      expect(largestDifference(data, weights.get(EMBEDDING)!.data)).toBeGreaterThan(0.1);
    }
    expect(mergeIntoWeights(tied, delta({ [Q]: {} })).config).toEqual(tied);
    expect(mergeIntoWeights(config, delta({}, { embedding })).source(HEAD)).toBe(HEAD);
  });

  test("each row of the embedding gains the token's row of A times B", () => {
    const merged = widened(weightOf(EMBEDDING, delta({}, { embedding })));
    const expected = product(widened(embedding.a), widened(embedding.b));
    for (const [index, value] of weights.get(EMBEDDING)!.data.entries()) expected.data[index]! += value;
    expect(sizes(merged)).toEqual([vocabSize, hiddenSize]);
    expectClose(merged, expected, 1e-7);
  });
});

test("peft's merged logits", async () => {
  const golden =
    goldenJson<Record<"inputIds" | "mergedLogits", { shape: [number, number]; data: number[] }>>("lora/golden.json");
  const changes = await goldenDelta("adapter");
  const merged = mergeIntoWeights(config, changes);
  const bindings = new Map(
    weightSpecs(merged.config).map(({ name }) => [name, merged.weight(name, weights.get(merged.source(name))!)]),
  );
  const [rows, tokens] = golden.inputIds.shape;
  const b = new GraphBuilder("forward");
  const { logits } = trainingForward(b, merged.config, { rows, tokens });
  const program = await createOnnxRuntimeExecutor({ threads: 1 }).compile(b.build({ logits }), { bindings });
  const result = await program.run({
    tokens: i64([rows, tokens], golden.inputIds.data),
    positions: i64(
      [rows, tokens],
      Array.from({ length: rows * tokens }, (_, index) => index % tokens),
    ),
    segments: tensor("i32", [rows, tokens], new Int32Array(rows * tokens)),
  });
  await program.dispose();
  expect(largestDifference(result.logits!.data as Float32Array, golden.mergedLogits.data)).toBeLessThan(1e-4);
});

test.each<[string, CanonicalDelta]>([
  [`a bias for ${UP}, a layer without biases`, delta({ [UP]: { bias: f32([1], [1]) } })],
  ["bottleneck adapters", delta({}, { bottlenecks: new Map([["layers.0.mlp", {} as never]]) })],
  ["virtual tokens (prompt tuning)", delta({}, { prompt: f32([1, 1], [1]) })],
  ["a prefix", delta({}, { prefix: [] })],
  ["a scorer (of a classifier or a reward model)", delta({}, { scorer: {} as never })],
])("%s: refused by name", (part, changes) => {
  expect(() => mergeIntoWeights(config, changes)).toThrow(
    expect.objectContaining({
      code: "invalid_request",
      message: `the delta has ${part}, which cannot be merged into the base's weights; serve it as a delta`,
    }),
  );
});
