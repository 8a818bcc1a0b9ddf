import { describe, expect, it } from "vitest";
import { unitsWithVirtualTokens, withVirtualTokens } from "../../../trainer/data/virtual-tokens.ts";

describe("withVirtualTokens", () => {
  const examples = [
    { ids: Int32Array.of(5, 6, 7), labels: Int32Array.of(-100, 6, 7) },
    { ids: Int32Array.of(8), labels: Int32Array.of(8) },
  ];

  it("puts placeholders before every example, which are not trained on", () => {
    expect(withVirtualTokens(examples, 2, 1)).toEqual([
      { ids: Int32Array.of(1, 1, 5, 6, 7), labels: Int32Array.of(-100, -100, -100, 6, 7) },
      { ids: Int32Array.of(1, 1, 8), labels: Int32Array.of(-100, -100, 8) },
    ]);
  });

  it("leaves them alone where there are none", () => {
    expect(withVirtualTokens(examples, 0, 1)).toBe(examples);
  });
});

describe("unitsWithVirtualTokens", () => {
  it("moves columns of tokens along and leaves all others", () => {
    const example = {
      ids: Int32Array.of(5, 6),
      labels: Int32Array.of(-100, 6),
      columns: { reference: Float32Array.of(0, -2), score: 3 },
    };
    const unit = { examples: [example], columns: { margin: 1 } };
    expect(unitsWithVirtualTokens([unit], 2, 1)).toEqual([
      {
        examples: [
          {
            ids: Int32Array.of(1, 1, 5, 6),
            labels: Int32Array.of(-100, -100, -100, 6),
            columns: { reference: Float32Array.of(0, 0, 0, -2), score: 3 },
          },
        ],
        columns: { margin: 1 },
      },
    ]);
    const units = [unit];
    expect(unitsWithVirtualTokens(units, 0, 1)).toBe(units);
  });
});
