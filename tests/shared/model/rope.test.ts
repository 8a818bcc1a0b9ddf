import { describe, expect, it } from "vitest";
import { type ModelConfig, parseModelConfig } from "../../../shared/model/config.ts";
import { ropeTables } from "../../../shared/model/rope.ts";
import { goldenJson } from "./golden-models.ts";

interface Case {
  readonly ropeParameters: { readonly rope_type: string };
  readonly headDim: number;
  readonly inverseFrequencies: readonly number[];
}
const { cases } = goldenJson<{ cases: Case[] }>("llama/rope-frequencies.json");

function configOf({ ropeParameters, headDim }: Pick<Case, "ropeParameters" | "headDim">): ModelConfig {
  return parseModelConfig({
    ...goldenJson<object>("llama/plain/config.json"),
    head_dim: headDim,
    rope_parameters: ropeParameters,
    max_position_embeddings: 131_072,
  });
}

describe("ropeTables", () => {
  it.each(cases)("uses transformers' frequencies: $ropeParameters.rope_type", (golden) => {
    const half = golden.headDim / 2;
    const { cos, sin } = ropeTables(configOf(golden), 2);
    expect([cos.shape, sin.shape]).toEqual([
      [2, half],
      [2, half],
    ]);
    expect(golden.inverseFrequencies).toHaveLength(half);
    golden.inverseFrequencies.forEach((frequency, i) => {
      expect([cos.data[i], sin.data[i]]).toEqual([1, 0]);
      // At position 1 the angle is the frequency itself; the sine of a small angle keeps all its digits.
      expect(Math.abs(sin.data[half + i]! / Math.sin(frequency) - 1)).toBeLessThan(3e-7);
      expect(Math.abs(cos.data[half + i]! - Math.cos(frequency))).toBeLessThan(1e-7);
    });
  });

  it("rounds the angle to float32 before its cosine, as transformers does, so that long contexts agree", () => {
    const position = 8191;
    const { cos, sin } = ropeTables(configOf({ ropeParameters: { rope_type: "default" }, headDim: 32 }), position + 1);
    const angle = Math.fround(position * Math.fround(1 / 10_000 ** (2 / 32)));
    expect(cos.data[position * 16 + 1]).toBe(Math.fround(Math.cos(angle)));
    expect(sin.data[position * 16 + 1]).toBe(Math.fround(Math.sin(angle)));
    expect(Math.abs(Math.cos(angle) - Math.cos(position / 10_000 ** (2 / 32)))).toBeGreaterThan(1e-5);
  });
});
