import { expect, it } from "vitest";
import {
  type BottleneckAdapter,
  canonicalBottlenecks,
  countNumbers,
} from "../../../../shared/peft/bottleneck/adapter.ts";
import { f32 } from "../../../../shared/tensor.ts";

const tensors = {
  down: f32([2, 3], [1, 2, 3, 4, 5, 6]),
  downBias: f32([3], [1, 0, -1]),
  up: f32([3, 2], [1, 2, 3, 4, 5, 6]),
  upBias: f32([2], [10, 20]),
};
const adapter = (scaling: number | "learned" | "channel", learned?: readonly number[]): BottleneckAdapter => ({
  architecture: {
    fromOutput: false,
    fromStream: true,
    silu: true,
    scaling,
    sites: [{ path: "layers.0.mlp", columns: 3 }],
  },
  tensors: new Map([
    ["layers.0.mlp", learned === undefined ? tensors : { ...tensors, scaling: f32([learned.length], learned) }],
  ]),
});

it.each([
  ["a factor", adapter(0.5), [0.5, 1, 1.5, 2, 2.5, 3], [5, 10]],
  ["a learned factor", adapter("learned", [2]), [2, 4, 6, 8, 10, 12], [20, 40]],
  ["a factor for each channel", adapter("channel", [2, -1]), [2, -2, 6, -4, 10, -6], [20, -20]],
])("folds %s into the way up", (_name, given, up, upBias) => {
  const { bottlenecks, linears } = canonicalBottlenecks(given);
  expect(linears.size).toBe(0);
  expect(bottlenecks.get("layers.0.mlp")).toEqual({
    down: tensors.down,
    downBias: tensors.downBias,
    up: f32([3, 2], up),
    upBias: f32([2], upBias),
    fromOutput: f32([3], [0, 0, 0]),
    fromStream: f32([3], [1, 1, 1]),
    silu: f32([3], [1, 1, 1]),
  });
});

it("counts the trained parameters", () => {
  expect(countNumbers(adapter(0.5))).toBe(6 + 3 + 6 + 2);
  expect(countNumbers(adapter("channel", [2, -1]))).toBe(6 + 3 + 6 + 2 + 2);
});
