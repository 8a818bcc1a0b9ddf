import { describe, expect, it } from "vitest";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { parameterCount } from "../../../shared/model/modules.ts";
import { chooseBatchShape } from "../../../trainer/data/batch-shape.ts";
import { packBestFit } from "../../../trainer/data/packing.ts";

const config = parseModelConfig({
  model_type: "llama",
  vocab_size: 2048,
  hidden_size: 256,
  num_hidden_layers: 6,
  num_attention_heads: 8,
  num_key_value_heads: 4,
  intermediate_size: 768,
  rms_norm_eps: 1e-5,
  max_position_embeddings: 512,
  tie_word_embeddings: true,
});

/** Groups of 20 units, each one example of 30 to 69 tokens. */
const groups = Array.from({ length: 10 }, (_, group) =>
  Array.from({ length: 20 }, (_, index) => [30 + ((group * 7 + index * 13) % 40)]),
);
const options = { config, groups, units: [[69]], limit: 512, packing: true };

describe("chooseBatchShape", () => {
  it("leaves little empty: four fifths of the tokens it computes are examples'", () => {
    const { rows, tokens } = chooseBatchShape(options);
    const used = groups.flat(2).reduce((sum, length) => sum + length, 0);
    const batches = groups.reduce((sum, group) => sum + Math.ceil(packBestFit(group.flat(), tokens).length / rows), 0);
    expect(tokens).toBeGreaterThanOrEqual(69);
    expect(used / (batches * rows * tokens)).toBeGreaterThan(0.8);
  });

  it("gives each example its own row without packing", () => {
    const { tokens } = chooseBatchShape({ ...options, packing: false });
    expect(tokens).toBe(69);
  });

  it("stays within the limit and holds the longest example", () => {
    expect(chooseBatchShape({ ...options, units: [[90]], limit: 90 }).tokens).toBe(90);
    const one = chooseBatchShape({ ...options, groups: [[[500]]], units: [[500]], limit: 512 });
    expect(one).toEqual({ rows: 1, tokens: 512 });
  });

  it("takes no wider batch than any group fills", () => {
    expect(chooseBatchShape({ ...options, groups: [[[10]], [[12]]], units: [[12]] })).toEqual({ rows: 1, tokens: 16 });
  });

  it("bounds a micro-batch: its tokens, its logits over a large vocabulary, its operations in a large model", () => {
    const many = [Array.from({ length: 500 }, () => [64])];
    const wide = chooseBatchShape({ ...options, groups: many, units: [[64]] });
    expect(wide.rows * wide.tokens).toBeLessThanOrEqual(4096);
    const large = chooseBatchShape({
      ...options,
      config: { ...config, vocabSize: 128_000 },
      groups: many,
      units: [[64]],
    });
    expect(large.rows * large.tokens * 128_000).toBeLessThanOrEqual(1 << 25);
    const deep = chooseBatchShape({
      ...options,
      config: { ...config, hiddenSize: 2048, ffnSize: 8192 },
      groups: many,
      units: [[64]],
    });
    expect(
      deep.rows * deep.tokens * 6 * parameterCount({ ...config, hiddenSize: 2048, ffnSize: 8192 }),
    ).toBeLessThanOrEqual(1e12);
  });
});
