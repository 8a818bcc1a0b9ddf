import { describe, expect, it } from "vitest";
import { JsonFields } from "../../../shared/model/json-fields.ts";
import type { ModelProblem } from "../../../shared/model/problems.ts";
import { type RopeScaling, readRope, scaleFrequency } from "../../../shared/model/rope-scaling.ts";

const LLAMA3: RopeScaling = {
  type: "llama3",
  factor: 8,
  lowFrequencyFactor: 1,
  highFrequencyFactor: 4,
  originalPositions: 1000,
};

/** The frequency that makes `turns` turns in the original 1000 tokens. */
const turning = (turns: number) => (turns * 2 * Math.PI) / 1000;

describe("scaleFrequency", () => {
  it("leaves a model without scaling alone", () => {
    expect(scaleFrequency(0.25, undefined)).toBe(0.25);
  });

  it("divides every frequency by a linear factor", () => {
    expect(scaleFrequency(0.25, { type: "linear", factor: 4 })).toBe(0.0625);
  });

  it("divides low frequencies, keeps high ones and interpolates between", () => {
    expect(scaleFrequency(turning(4.1), LLAMA3)).toBe(turning(4.1));
    expect(scaleFrequency(turning(0.9), LLAMA3)).toBe(turning(0.9) / 8);
    // Half way between 1 and 4 turns: half kept, half divided.
    expect(scaleFrequency(turning(2.5), LLAMA3)).toBeCloseTo(turning(2.5) * (0.5 + 0.5 / 8), 12);
  });
});

describe("readRope", () => {
  const read = (json: Record<string, unknown>, maxPositions = 64) => {
    const problems: ModelProblem[] = [];
    const rope = readRope(new JsonFields(json, { file: "config.json", problems }), maxPositions);
    return { rope, problems: problems.map(({ field, reason }) => `${field}: ${reason}`) };
  };

  it("reads no scaling from an empty object or a default", () => {
    expect(read({}).rope).toEqual({ theta: 10_000, scaling: undefined });
    expect(read({ rope_scaling: { rope_type: "default", rope_theta: 1e6, factor: 3 } }).rope).toEqual({
      theta: 1e6,
      scaling: undefined,
    });
  });

  it("prefers rope_type to the older type", () => {
    expect(read({ rope_scaling: { rope_type: "linear", type: "dynamic", factor: 3 } }).rope).toEqual({
      theta: 10_000,
      scaling: { type: "linear", factor: 3 },
    });
  });

  it("names every field that is missing, where it would stand", () => {
    expect(read({ rope_scaling: { type: "llama3" } }).problems).toEqual([
      "rope_scaling.factor: missing; must be a number of at least 1",
      "rope_scaling.low_freq_factor: missing; must be a positive number",
      "rope_scaling.high_freq_factor: missing; must be a positive number",
    ]);
    expect(read({ rope_parameters: { type: "linear" } }).problems).toEqual([
      "rope_parameters.factor: missing; must be a number of at least 1",
    ]);
    expect(read({ rope_parameters: { type: "yarn", factor: 4 } }).problems).toEqual([
      'rope_parameters.rope_type: "yarn" is not supported; use default, linear or llama3',
    ]);
    expect(read({ rope_scaling: "linear" }).problems).toEqual(['rope_scaling: must be an object, got "linear"']);
    expect(read({ rope_parameters: { full_attention: { rope_theta: 1 } } }).problems).toEqual([
      "rope_parameters.full_attention: rotary positions that differ between layers are not supported",
    ]);
  });
});
