import { describe, expect, it } from "vitest";
import { CreateCompletion } from "../../../shared/api/completions.ts";

const takes = (fields: Record<string, unknown>) =>
  CreateCompletion.safeParse({ model: "m", prompt: "p", ...fields }).success;

describe("CreateCompletion", () => {
  it("takes text and token ids, one or several", () => {
    for (const prompt of ["", ["a", "b"], [1, 2], [[1], [2]]])
      expect(takes({ prompt }), JSON.stringify(prompt)).toBe(true);
    for (const prompt of [[], [[]], ["a", 1], [1.5], null])
      expect(takes({ prompt }), JSON.stringify(prompt)).toBe(false);
  });

  it("takes the values of unsupported fields that ask for nothing", () => {
    for (const asked of [{ echo: false }, { best_of: 1 }, { best_of: 2, n: 2 }, { suffix: "" }, { top_k: -1 }]) {
      expect(takes(asked), JSON.stringify(asked)).toBe(true);
    }
    for (const asked of [{ best_of: 2 }, { suffix: "x" }, { min_p: -1 }]) {
      expect(takes(asked), JSON.stringify(asked)).toBe(false);
    }
  });
});
