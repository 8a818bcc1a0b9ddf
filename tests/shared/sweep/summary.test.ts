import { describe, expect, it } from "vitest";
import { SweepStatistics } from "../../../shared/api/steering-sweep.ts";
import { type Sample, summarise } from "../../../shared/sweep/summary.ts";
import { GOLDEN } from "./golden.ts";

const sample = (prompt: number, logprobs: number[], effect = 1): Sample => ({
  prompt,
  text: `text ${prompt}`,
  tokens: logprobs.map((_, index) => index),
  baseLogprobs: logprobs,
  effect,
});

describe("the statistics of a run", () => {
  it.each(GOLDEN.cases.map((given, index) => ({ index, ...given })))(
    "case $index has PyTorch's perplexity, and every share",
    ({ texts, logprobs, perplexity, distinct, repetition }) => {
      const samples = texts.map((tokens, prompt) => ({ ...sample(prompt, logprobs[prompt]!), tokens }));
      const statistics = summarise(samples, { seed: 0, name: "cell 1" });
      expect(statistics.base_perplexity!.value / perplexity).toBeCloseTo(1, 12);
      expect([statistics.distinct_1, statistics.distinct_2, statistics.distinct_3]).toEqual(
        distinct.map((share) => (share === null ? null : expect.closeTo(share, 12))),
      );
      expect(statistics.repetition).toEqual(repetition === null ? null : expect.closeTo(repetition, 12));
      expect(SweepStatistics.safeParse(statistics).success).toBe(true);
    },
  );

  it("has intervals around its means, from the prompts", () => {
    const samples = Array.from({ length: 24 }, (_, index) =>
      sample(index % 8, [-1 - (index % 5) / 4, -2], index % 8 < 3 ? 1 : 0),
    );
    const { effect, base_perplexity: perplexity, ...rest } = summarise(samples, { seed: 1, name: "a", plain: 2 });
    expect(effect.value).toBeCloseTo(3 / 8, 12);
    for (const { value, low, high } of [effect, perplexity!]) {
      expect(low).toBeLessThan(value);
      expect(high).toBeGreaterThan(value);
    }
    expect(rest).toMatchObject({ texts: 24, tokens: 48, length: 2, perplexity_ratio: perplexity!.value / 2 });
    expect(summarise(samples, { seed: 1, name: "a" }).effect).toEqual(effect);
    expect(summarise(samples, { seed: 2, name: "a" }).effect).not.toEqual(effect);
  });

  it("has none with one prompt, and no perplexity without tokens", () => {
    const one = summarise([sample(0, [-1]), sample(0, [-2])], { seed: 0, name: "plain" });
    expect(one.effect).toEqual({ value: 1, low: null, high: null });
    expect(one.perplexity_ratio).toBe(1);
    const empty = summarise([sample(0, []), sample(1, [])], { seed: 0, name: "plain", plain: 3 });
    expect(empty).toMatchObject({ base_perplexity: null, perplexity_ratio: null, length: 0, distinct_1: null });
  });

  it.each([
    [[], "internal_error", "gave no texts"],
    [[{ ...sample(0, [-1]), tokens: [1, 2] }], "internal_error", "1 log-probabilities for 2 tokens"],
    [[sample(0, [Number.NaN])], "non_finite", "log-probability NaN"],
    [[sample(0, [Number.NEGATIVE_INFINITY])], "non_finite", "log-probability -Infinity"],
    [[sample(0, [0.5])], "non_finite", "log-probability 0.5"],
    [[sample(0, [-1], Number.NaN)], "non_finite", "an effect of NaN"],
  ])("are not made of what is no sample (%#)", (samples, code, message) => {
    expect(() => summarise(samples, { seed: 0, name: "cell 2" })).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(`cell 2.*${message}`) }),
    );
  });
});
