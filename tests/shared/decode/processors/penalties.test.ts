import { expect, it } from "vitest";
import { penalties } from "../../../../shared/decode/processors/penalties.ts";
import { processed, processedRow, rowState } from "../processing.ts";

const logits = [5, 5, 5, 5];

it("subtracts presence once and frequency as often as a token was generated, and leaves the prompt alone", () => {
  const generated = [2, 0, 2];
  expect(processed("penalties", { presence: 1, frequency: 0.25 }, { logits, generated })).toEqual([3.75, 5, 3.5, 5]);
  // 1 and 3 stand in the prompt.
  expect(processed("penalties", { presence: 0, frequency: -2 }, { logits, generated })).toEqual([7, 5, 9, 5]);
});

it("counts on from step to step, and forgets a row that leaves", () => {
  const processor = penalties.create();
  const tokens: number[] = [];
  const row = rowState(tokens);
  const step = () => {
    const scores = Float64Array.from(logits);
    const settings = { presence: 0, frequency: 1 };
    processor.apply([processedRow({ row, settings, scores })]);
    return [...scores];
  };
  expect(step()).toEqual([5, 5, 5, 5]);
  tokens.push(3);
  expect(step()).toEqual([5, 5, 5, 4]);
  tokens.push(3, 0);
  expect(step()).toEqual([4, 5, 5, 3]);
  processor.update?.({ removed: [row], added: [], moved: [] });
  tokens.length = 0;
  expect(step()).toEqual([5, 5, 5, 5]);
});
