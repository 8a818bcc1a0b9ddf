import { expect, it } from "vitest";
import { probabilities, processed } from "../processing.ts";

const logits = [0, Math.log(2), Math.log(5), Math.log(2)];

it.each([
  [0.5, [1 / 34, 4 / 34, 25 / 34, 4 / 34]],
  [2, [1, 2 ** 0.5, 5 ** 0.5, 2 ** 0.5].map((weight) => weight / (1 + 2 * 2 ** 0.5 + 5 ** 0.5))],
])("makes probabilities p^(1/%s)", (temperature, expected) => {
  probabilities(processed("temperature", temperature, { logits })).forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i]!, 12);
  });
});

it("stays a distribution at the smallest temperature there is", () => {
  expect(probabilities(processed("temperature", Number.MIN_VALUE, { logits }))).toEqual([0, 0, 1, 0]);
});
