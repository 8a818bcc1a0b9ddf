import { describe, expect, it } from "vitest";
import type { ModelConfig } from "../../../shared/model/config.ts";
import { initialWeights } from "../../../shared/model/init.ts";
import { EMBEDDING, HEAD, weightSpecs } from "../../../shared/model/modules.ts";

/** Large enough that a sample's deviation is within a few per cent of the distribution's. */
const CONFIG: ModelConfig = {
  modelType: "qwen2",
  vocabSize: 128,
  hiddenSize: 64,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  headDim: 16,
  ffnSize: 96,
  normEpsilon: 1e-6,
  ropeTheta: 10_000,
  maxPositions: 32,
  tied: false,
  attentionBias: true,
};

const weights = initialWeights(CONFIG, 5);

function deviation(data: Float32Array): number {
  const mean = data.reduce((sum, x) => sum + x, 0) / data.length;
  return Math.sqrt(data.reduce((sum, x) => sum + (x - mean) ** 2, 0) / data.length);
}

describe("initialWeights", () => {
  it("makes every tensor of the model in the graph's layout", () => {
    expect([...weights].map(([name, { shape }]) => [name, shape])).toEqual(
      weightSpecs(CONFIG).map(({ name, shape }) => [name, shape]),
    );
  });

  it("is a function of the seed", () => {
    expect(initialWeights(CONFIG, 5)).toEqual(weights);
    expect(initialWeights(CONFIG, 6).get(EMBEDDING)).not.toEqual(weights.get(EMBEDDING));
  });

  it("gives a tensor the same values whatever other tensors the model has", () => {
    const other = initialWeights({ ...CONFIG, layers: 1, tied: true, attentionBias: false, modelType: "llama" }, 5);
    expect(other.has(HEAD)).toBe(false);
    const name = "model.layers.0.mlp.up_proj.weight";
    expect(other.get(name)).toEqual(weights.get(name));
  });

  it.each([
    [EMBEDDING, 0.02],
    [HEAD, 0.02],
    ["model.layers.0.self_attn.q_proj.weight", 0.6 / Math.sqrt(64)],
    ["model.layers.1.mlp.gate_proj.weight", 0.6 / Math.sqrt(64)],
    // Divided by √(2·layers): these write into the residual stream.
    ["model.layers.0.self_attn.o_proj.weight", 0.6 / Math.sqrt(64 * 4)],
    ["model.layers.1.mlp.down_proj.weight", 0.6 / Math.sqrt(96 * 4)],
  ])("draws %s with a deviation of %d", (name, expected) => {
    expect(deviation(weights.get(name)!.data) / expected).toBeGreaterThan(0.95);
    expect(deviation(weights.get(name)!.data) / expected).toBeLessThan(1.05);
  });

  it("starts norms at 1 and biases at 0", () => {
    expect(weights.get("model.layers.1.input_layernorm.weight")!.data.every((x) => x === 1)).toBe(true);
    expect(weights.get("model.layers.1.self_attn.k_proj.bias")!.data.every((x) => x === 0)).toBe(true);
  });
});
