import { describe, expect, it } from "vitest";
import { type SamplingSettings, sampleToken, scoreToken } from "../../../shared/decode/sampler.ts";

const PLAIN: SamplingSettings = { temperature: 1, topP: 1, presencePenalty: 0, frequencyPenalty: 0, logitBias: [] };
const LOGITS = Float32Array.of(0, Math.log(2), Math.log(5), Math.log(2));
const NONE = new Map<number, number>();

/** How often each token is drawn over an even grid of uniform numbers: the distribution itself. */
function distribution(logits: Float32Array, settings: SamplingSettings, counts = NONE, grid = 1000): number[] {
  const drawn = new Array<number>(logits.length).fill(0);
  for (let i = 0; i < grid; i++) drawn[sampleToken(logits, settings, counts, (i + 0.5) / grid)]! += 1 / grid;
  return drawn;
}

function expectClose(actual: number[], expected: number[]): void {
  actual.forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i]!, 2);
  });
}

describe("sampleToken", () => {
  it("draws each token with its probability", () => {
    expectClose(distribution(LOGITS, PLAIN), [0.1, 0.2, 0.5, 0.2]);
  });

  it("sharpens with a low temperature and takes the likeliest at 0, the lowest id among equals", () => {
    expectClose(distribution(LOGITS, { ...PLAIN, temperature: 0.5 }), [1 / 34, 4 / 34, 25 / 34, 4 / 34]);
    expect(sampleToken(LOGITS, { ...PLAIN, temperature: 0 }, NONE, 0.99)).toBe(2);
    expect(sampleToken(Float32Array.of(1, 3, 3), { ...PLAIN, temperature: 0 }, NONE, 0.99)).toBe(1);
  });

  it("keeps the smallest set of tokens that reaches top_p", () => {
    expectClose(distribution(LOGITS, { ...PLAIN, topP: 0.6 }), [0, 2 / 7, 5 / 7, 0]);
    expectClose(distribution(LOGITS, { ...PLAIN, topP: 0.01 }), [0, 0, 1, 0]);
  });

  it("adds the bias and subtracts the penalties of what was generated", () => {
    const biased = { ...PLAIN, temperature: 0, logitBias: [[0, 100] as const, [99, 100] as const] };
    expect(sampleToken(LOGITS, biased, NONE, 0)).toBe(0);
    const counts = new Map([[2, 2]]);
    expectClose(distribution(LOGITS, { ...PLAIN, presencePenalty: Math.log(5) }, counts), [1 / 6, 2 / 6, 1 / 6, 2 / 6]);
    expectClose(distribution(LOGITS, { ...PLAIN, frequencyPenalty: Math.log(5) / 2 }, counts), [
      1 / 6,
      2 / 6,
      1 / 6,
      2 / 6,
    ]);
  });

  it("leaves the logits as they were", () => {
    const logits = LOGITS.slice();
    sampleToken(logits, { ...PLAIN, logitBias: [[1, 5]], presencePenalty: 1 }, new Map([[2, 1]]), 0.3);
    expect(logits).toEqual(LOGITS);
  });
});

describe("scoreToken", () => {
  it("gives log-probabilities of the model's own distribution, the likeliest first", () => {
    const { token, logprob, top } = scoreToken(LOGITS, 0, 3);
    expect(token).toBe(0);
    expect(Math.exp(logprob)).toBeCloseTo(0.1, 6);
    expect(top.map((each) => each.token)).toEqual([2, 1, 3]);
    expect(Math.exp(top[0]!.logprob)).toBeCloseTo(0.5, 6);
  });
});
