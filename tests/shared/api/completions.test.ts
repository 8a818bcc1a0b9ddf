import { describe, expect, it } from "vitest";
import { CreateCompletion } from "../../../shared/api/completions.ts";

const takes = (fields: Record<string, unknown>) =>
  CreateCompletion.safeParse({ model: "m", prompt: "p", ...fields }).success;

describe("CreateCompletion", () => {
  it("takes null for every field that may be left out", () => {
    const optional = Object.keys(CreateCompletion.shape).filter((name) => name !== "model" && name !== "prompt");
    expect(takes(Object.fromEntries(optional.map((name) => [name, null])))).toBe(true);
  });

  it("takes text and token ids, one or several", () => {
    for (const prompt of ["", ["a", "b"], [1, 2], [[1], [2]]])
      expect(takes({ prompt }), JSON.stringify(prompt)).toBe(true);
    for (const prompt of [[], [[]], ["a", 1], [1.5], null])
      expect(takes({ prompt }), JSON.stringify(prompt)).toBe(false);
  });

  it("takes the values of unsupported fields that ask for nothing", () => {
    expect(takes({ echo: false, best_of: 1, suffix: null })).toBe(true);
    for (const asked of [{ echo: true }, { best_of: 2 }, { suffix: "x" }]) expect(takes(asked)).toBe(false);
  });
});
