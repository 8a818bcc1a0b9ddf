import { describe, expect, it } from "vitest";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { parameterCount } from "../../../shared/model/modules.ts";
import { chooseBatchShape } from "../../../trainer/data/batch-shape.ts";
import { packBestFit } from "../../../trainer/data/packing.ts";
import { blockLengths, type UnitSize } from "../../../trainer/data/shared-prompts.ts";

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

/** A unit whose examples have these lengths and share nothing. */
const unit = (...lengths: number[]): UnitSize => ({ lengths, shared: 0 });
/** Groups of 20 units, each one example of 30 to 69 tokens. */
const groups = Array.from({ length: 10 }, (_, group) =>
  Array.from({ length: 20 }, (_, index) => unit(30 + ((group * 7 + index * 13) % 40))),
);
const options = { config, groups, units: [unit(69)], limit: 512, packing: true };

describe("chooseBatchShape", () => {
  it("leaves little empty: four fifths of the tokens it computes are examples'", () => {
    const { rows, tokens } = chooseBatchShape(options);
    const lengths = groups.map((group) => group.flatMap((size) => size.lengths));
    const used = lengths.flat().reduce((sum, length) => sum + length, 0);
    const batches = lengths.reduce((sum, group) => sum + Math.ceil(packBestFit(group, tokens).length / rows), 0);
    expect(tokens).toBeGreaterThanOrEqual(69);
    expect(used / (batches * rows * tokens)).toBeGreaterThan(0.8);
  });

  it("gives each example its own row without packing", () => {
    const { tokens } = chooseBatchShape({ ...options, packing: false });
    expect(tokens).toBe(69);
  });

  it("stays within the limit and holds the longest example", () => {
    expect(chooseBatchShape({ ...options, units: [unit(90)], limit: 90 }).tokens).toBe(90);
    const one = chooseBatchShape({ ...options, groups: [[unit(500)]], units: [unit(500)], limit: 512 });
    expect(one).toEqual({ rows: 1, tokens: 512 });
  });

  it("takes no wider batch than any group fills", () => {
    expect(chooseBatchShape({ ...options, groups: [[unit(10)], [unit(12)]], units: [unit(12)] })).toEqual({
      rows: 1,
      tokens: 16,
    });
  });

  it("takes less room for pairs that share their prompts", () => {
    const pairs = Array.from({ length: 16 }, () => ({ lengths: [120, 120], shared: 0 }));
    const sharing = pairs.map(({ lengths }) => ({ lengths, shared: 100 }));
    const sizeOf = (group: readonly UnitSize[]) => {
      const { rows, tokens } = chooseBatchShape({ ...options, groups: [group], units: group });
      const lengths = group.flatMap((size) => blockLengths(size, tokens));
      return Math.ceil(packBestFit(lengths, tokens).length / rows) * rows * tokens;
    };
    expect(sizeOf(sharing)).toBeLessThan(0.75 * sizeOf(pairs));
  });

  it("bounds a micro-batch: its tokens, and its operations in a large model", () => {
    const many = [Array.from({ length: 500 }, () => unit(64))];
    const wide = chooseBatchShape({ ...options, groups: many, units: [unit(64)] });
    expect(wide.rows * wide.tokens).toBeLessThanOrEqual(4096);
    // Logits are made a few rows at a time, so a large vocabulary bounds nothing by itself.
    const wordy = { ...config, vocabSize: 128_000 };
    const large = chooseBatchShape({ ...options, config: wordy, groups: many, units: [unit(64)] });
    expect(large.rows * large.tokens).toBeGreaterThan(1024);
    const deep = chooseBatchShape({
      ...options,
      config: { ...config, hiddenSize: 2048, ffnSize: 8192 },
      groups: many,
      units: [unit(64)],
    });
    expect(
      deep.rows * deep.tokens * 6 * parameterCount({ ...config, hiddenSize: 2048, ffnSize: 8192 }),
    ).toBeLessThanOrEqual(1e12);
  });
});
