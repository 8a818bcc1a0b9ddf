import { expect, it } from "vitest";
import { isWholeModel, publishedNumbers } from "../../../shared/peft/plan.ts";

const parameters = [
  { name: "a", shape: [2, 3], decay: true },
  { name: "b", shape: [4], decay: false },
];

it("publishes as many numbers as are trained, unless the plan says otherwise", () => {
  expect(publishedNumbers({ parameters })).toBe(10);
  expect(publishedNumbers({ parameters, published: 7 })).toBe(7);
});

it("recognises a whole model by its empty serving footprint", () => {
  const serving = { rank: 0, vectors: 0, columns: 0, positions: 0 };
  expect(isWholeModel({ serving })).toBe(true);
  for (const part of Object.keys(serving)) expect(isWholeModel({ serving: { ...serving, [part]: 1 } })).toBe(false);
});
