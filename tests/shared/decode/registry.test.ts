import { describe, expect, it } from "vitest";
import { decodeSettings, PROCESSORS } from "../../../shared/decode/registry.ts";
import { goldenCases, relative, scoresOf } from "./golden-processors.ts";

describe("decodeSettings", () => {
  it("maps OpenAI's fields, and leaves out what asks for nothing", () => {
    expect(decodeSettings({ temperature: 0.7, topP: 0.9, presencePenalty: 1, logitBias: [[3, 5]] })).toEqual({
      greedy: false,
      bias: [[3, 5]],
      penalties: { presence: 1, frequency: 0 },
      temperature: 0.7,
      nucleus: 0.9,
    });
    expect(decodeSettings({ temperature: 1, topP: 1 })).toEqual({ greedy: false, temperature: 1, nucleus: 1 });
  });

  it("leaves out values that ask for nothing, and keeps those that ask for something", () => {
    const plain = { greedy: false, temperature: 1, nucleus: 1 };
    const settings = (fields: object) => decodeSettings({ temperature: 1, topP: 1, ...fields });
    for (const topK of [0, -1]) expect(settings({ topK, minP: 0, repetitionPenalty: 1 })).toEqual(plain);
    for (const minTokens of [
      { tokens: 0, endTokens: [1] },
      { tokens: 2, endTokens: [] },
    ]) {
      expect(settings({ minTokens })).toEqual(plain);
    }
    const asked = { topK: 40, minP: 0.1, minTokens: { tokens: 2, endTokens: [1] } };
    expect(settings({ ...asked, repetitionPenalty: 1.2 })).toEqual({ ...plain, ...asked, repetition: 1.2 });
  });

  it("takes the likeliest token at a top_p of 0, which leaves room for one", () => {
    expect(decodeSettings({ temperature: 1, topP: 0, topK: 5, minP: 0.1, repetitionPenalty: 2 })).toEqual({
      greedy: true,
      repetition: 2,
    });
  });

  it("takes the likeliest token at temperature 0, of those that bias and penalties leave", () => {
    expect(decodeSettings({ temperature: 0, topP: 0.5, frequencyPenalty: 1 })).toEqual({
      greedy: true,
      penalties: { presence: 0, frequency: 1 },
    });
  });
});

it("applies what is said about tokens before what shapes the distribution, and cuts last", () => {
  const names = Object.keys(PROCESSORS);
  const inOrder = ["bias", "repetition", "penalties", "minTokens", "temperature", "topK", "nucleus", "minP"];
  expect(names.filter((name) => inOrder.includes(name))).toEqual(inOrder);
});

it.each(goldenCases())("combines processors as transformers does: $settings (%#)", (golden) => {
  const [ours, theirs] = [relative(scoresOf(golden)), relative(golden.scores)];
  expect(ours.map((score) => score === null)).toEqual(theirs.map((score) => score === null));
  for (const [token, score] of theirs.entries()) {
    if (score !== null) expect(Math.abs(ours[token]! - score)).toBeLessThan(1e-6);
  }
});
