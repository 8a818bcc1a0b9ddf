import { describe, expect, it } from "vitest";
import { decodeSettings, PROCESSORS } from "../../../shared/decode/registry.ts";

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

  it("takes the likeliest token at temperature 0, of those that bias and penalties leave", () => {
    expect(decodeSettings({ temperature: 0, topP: 0.5, frequencyPenalty: 1 })).toEqual({
      greedy: true,
      penalties: { presence: 0, frequency: 1 },
    });
  });
});

it("applies what is said about tokens before what shapes the distribution, and cuts last", () => {
  const names = Object.keys(PROCESSORS);
  const inOrder = ["bias", "penalties", "temperature", "nucleus"];
  expect(names.filter((name) => inOrder.includes(name))).toEqual(inOrder);
});
