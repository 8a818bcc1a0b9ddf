import { expect, it } from "vitest";
import { judge } from "../../../../../edge/objects/tenant/pipelines/gate.ts";

const gate = (bounds: { at_least?: number; at_most?: number }) => ({
  metric: "loss",
  otherwise: "stop" as const,
  ...bounds,
});
const passes = (bounds: { at_least?: number; at_most?: number }, value: number) =>
  judge(gate(bounds), { loss: value }).outcome?.passed;

it("counts a bound as within", () => {
  expect([0.9, 1, 1.1].map((value) => passes({ at_least: 1 }, value))).toEqual([false, true, true]);
  expect([0.9, 1, 1.1].map((value) => passes({ at_most: 1 }, value))).toEqual([true, true, false]);
  expect([0.9, 1, 2, 2.1].map((value) => passes({ at_least: 1, at_most: 2 }, value))).toEqual([
    false,
    true,
    true,
    false,
  ]);
  expect(judge(gate({ at_least: 1, at_most: 2 }), { loss: 3 }).reason).toBe(
    "loss is 3, asked for is at least 1 and at most 2",
  );
});

it("judges nothing that is not there, or no number", () => {
  expect(judge(gate({ at_most: 1 }), {})).toEqual({
    outcome: null,
    reason: 'the stage did not report "loss"; it reported none.',
  });
  expect(judge({ ...gate({ at_most: 1 }), metric: "toString" }, { loss: 1 }).outcome).toBeNull();
  expect(judge(gate({ at_most: 1 }), { loss: Number.NaN })).toMatchObject({ outcome: null });
});
