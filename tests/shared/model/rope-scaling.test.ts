import { describe, expect, it } from "vitest";
import { parseRopeScaling, type RopeScaling, scaleFrequency } from "../../../shared/model/rope-scaling.ts";

const refuse = (field: string, reason: string): never => {
  throw new Error(`${field}: ${reason}`);
};

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

describe("parseRopeScaling", () => {
  it("reads no scaling from an empty object or a default", () => {
    expect(parseRopeScaling({}, refuse)).toBeUndefined();
    expect(parseRopeScaling({ rope_type: "default", rope_theta: 1e6, factor: 3 }, refuse)).toBeUndefined();
  });

  it("prefers rope_type to the older type", () => {
    expect(parseRopeScaling({ rope_type: "linear", type: "dynamic", factor: 3 }, refuse)).toEqual({
      type: "linear",
      factor: 3,
    });
  });

  it("names the missing field", () => {
    const file = { type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4 };
    expect(() => parseRopeScaling(file, refuse)).toThrow("original_max_position_embeddings: required for llama3");
    expect(() => parseRopeScaling({ ...file, low_freq_factor: null }, refuse)).toThrow(
      "low_freq_factor: required for llama3",
    );
    expect(() => parseRopeScaling({ type: "linear" }, refuse)).toThrow("factor: required for linear");
    expect(() => parseRopeScaling({ type: "yarn" }, refuse)).toThrow("rope_type: yarn is not supported; use default");
  });
});
