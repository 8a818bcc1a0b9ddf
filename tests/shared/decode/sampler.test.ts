import { describe, expect, it } from "vitest";
import { scoreToken } from "../../../shared/decode/logits.ts";
import { decodeSettings } from "../../../shared/decode/registry.ts";
import { Sampler } from "../../../shared/decode/sampler.ts";
import { rowState } from "./processing.ts";

const LOGITS = Float32Array.of(0, Math.log(2), Math.log(5), Math.log(2));
const PLAIN = { temperature: 1, topP: 1 };
type Fields = Parameters<typeof decodeSettings>[0];

function sample(logits: Float32Array, fields: Fields, uniform: number, generated: readonly number[] = []) {
  const request = { row: rowState(generated), settings: decodeSettings(fields), logits, uniform: () => uniform };
  return new Sampler().sampleNow([request])[0]!;
}

/** How often each token is drawn over an even grid of uniform numbers: the distribution itself. */
function distribution(logits: Float32Array, fields: Fields, generated: readonly number[] = [], grid = 1000): number[] {
  const drawn = new Array<number>(logits.length).fill(0);
  for (let i = 0; i < grid; i++) drawn[sample(logits, fields, (i + 0.5) / grid, generated).token]! += 1 / grid;
  return drawn;
}

function expectClose(actual: number[], expected: number[]): void {
  actual.forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i]!, 2);
  });
}

describe("Sampler", () => {
  it("draws each token with its probability", () => {
    expectClose(distribution(LOGITS, PLAIN), [0.1, 0.2, 0.5, 0.2]);
  });

  it("sharpens with a low temperature and takes the likeliest at 0, the lowest id among equals", () => {
    expectClose(distribution(LOGITS, { ...PLAIN, temperature: 0.5 }), [1 / 34, 4 / 34, 25 / 34, 4 / 34]);
    expect(sample(LOGITS, { ...PLAIN, temperature: 0 }, 0.99).token).toBe(2);
    expect(sample(Float32Array.of(1, 3, 3), { ...PLAIN, temperature: 0 }, 0.99).token).toBe(1);
  });

  it("keeps the smallest set of tokens that reaches top_p", () => {
    expectClose(distribution(LOGITS, { ...PLAIN, topP: 0.6 }), [0, 2 / 7, 5 / 7, 0]);
    expectClose(distribution(LOGITS, { ...PLAIN, topP: 0.01 }), [0, 0, 1, 0]);
  });

  it("adds the bias and subtracts the penalties of what was generated", () => {
    const logitBias = [[0, 100] as const, [99, 100] as const];
    expect(sample(LOGITS, { ...PLAIN, temperature: 0, logitBias }, 0).token).toBe(0);
    const expected = [1 / 6, 2 / 6, 1 / 6, 2 / 6];
    expectClose(distribution(LOGITS, { ...PLAIN, presencePenalty: Math.log(5) }, [2, 2]), expected);
    expectClose(distribution(LOGITS, { ...PLAIN, frequencyPenalty: Math.log(5) / 2 }, [2, 2]), expected);
  });

  it("leaves the logits as they were", () => {
    const logits = LOGITS.slice();
    sample(logits, { ...PLAIN, topP: 0.5, logitBias: [[1, 5]], presencePenalty: 1 }, 0.3, [2]);
    expect(logits).toEqual(LOGITS);
  });

  it("says how likely the drawn token was, after all processors; the model's own log-probability without any", () => {
    for (const uniform of [0.05, 0.2, 0.5, 0.9]) {
      const { token, logprob } = sample(LOGITS, PLAIN, uniform);
      expect(logprob).toBe(scoreToken(LOGITS, token, 0).logprob);
    }
    expect(Math.exp(sample(LOGITS, { ...PLAIN, topP: 0.6 }, 0.9).logprob)).toBeCloseTo(5 / 7, 6);
    expect(sample(LOGITS, { ...PLAIN, temperature: 0 }, 0.9).logprob).toBe(0);
  });

  it("asks for one number a token, and for none when greedy", () => {
    let draws = 0;
    const uniform = () => {
      draws++;
      return 0.5;
    };
    const request = (temperature: number) => ({
      row: rowState(),
      settings: decodeSettings({ temperature, topP: 1 }),
      logits: LOGITS,
      uniform,
    });
    new Sampler().sampleNow([request(1), request(0), request(0.3)]);
    expect(draws).toBe(2);
  });

  it("never gives a token that is ruled out, however the draw rounds", () => {
    const logits = Float32Array.of(-50, 2, 1, -60);
    for (const uniform of [0, 0.5, 1 - 2 ** -53]) {
      expect([1, 2]).toContain(sample(logits, { ...PLAIN, topP: 0.99 }, uniform).token);
    }
  });

  it("scores tokens without choosing one, and goes on from another row where one is forked", () => {
    const sampler = new Sampler();
    const settings = decodeSettings({ temperature: 0, topP: 1, presencePenalty: 1 });
    const [from, to] = [rowState([2]), rowState([1])];
    const scores = (row: typeof from) => {
      const [scored] = sampler.scores([{ row, settings, logits: LOGITS, uniform: () => 0 }]);
      return [...(scored as { scores: Float64Array }).scores];
    };
    const [ofFrom, ofTo] = [scores(from), scores(to)];
    expect(ofFrom).toEqual([...LOGITS].map((logit, token) => (token === 2 ? logit - 1 : logit)));
    expect(ofTo).not.toEqual(ofFrom);
    (to.generated as number[])[0] = 2;
    sampler.fork([{ from, to, slot: 1 }]);
    expect(scores(to)).toEqual(ofFrom);
    const greedy = { row: from, settings: { greedy: true }, logits: LOGITS, uniform: () => 0 };
    expect(sampler.scores([greedy])).toEqual([{ scores: Float64Array.from(LOGITS), notes: {}, snapshots: [] }]);
  });
});
