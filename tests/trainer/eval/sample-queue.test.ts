import { expect, it } from "vitest";
import { SampleQueue } from "../../../trainer/eval/sample-queue.ts";

const starting = (prompt: number, samples: number[], { continued = false, continues = false } = {}) => {
  return { prompt, samples, continued, continues };
};

it("gives the samples prompt by prompt, and says where a prompt is cut", () => {
  const queue = new SampleQueue([2, 5, 1]);
  expect(queue.take(4)).toEqual([starting(0, [0, 1]), starting(1, [0, 1], { continues: true })]);
  expect(queue.take(0)).toEqual([]);
  expect(queue.take(1)).toEqual([starting(1, [2], { continued: true, continues: true })]);
  expect(queue.isEmpty).toBe(false);
  expect(queue.take(9)).toEqual([starting(1, [3, 4], { continued: true }), starting(2, [0])]);
  expect(queue.isEmpty).toBe(true);
  expect(queue.take(3)).toEqual([]);
});

it("cuts no prompt whose samples fill the room exactly", () => {
  const queue = new SampleQueue([2, 2]);
  expect(queue.take(2)).toEqual([starting(0, [0, 1])]);
  expect(queue.take(2)).toEqual([starting(1, [0, 1])]);
});

it.each([0, -1, 1.5, Number.NaN])("refuses a prompt with %s samples", (count) => {
  expect(() => new SampleQueue([1, count])).toThrow(
    expect.objectContaining({
      code: "invalid_request",
      message: `each prompt needs at least one sample, got ${count}`,
    }),
  );
});
