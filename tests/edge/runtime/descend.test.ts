import { describe, expect, it } from "vitest";
import { descend } from "../../../edge/runtime/descend.ts";
import { loadOrtModule } from "../../../edge/runtime/ort-module.ts";
import { residentCopy } from "../../../edge/runtime/resident-tensor.ts";
import { f32 } from "../../../shared/tensor.ts";

const CONFIG = { kvHeads: 2, headDim: 2 };
const PLACES = 3;
const ort = await loadOrtModule();

/** Two heads of three places of two numbers. */
const pair = (key: readonly number[], value: readonly number[]) => ({
  key: residentCopy(ort, f32([2, 3, 2], key)),
  value: residentCopy(ort, f32([2, 3, 2], value)),
});
const ONES = new Array<number>(12).fill(1);

describe("a step", () => {
  const keys = [9, 9, 3, 0, 8, 8, 9, 9, 0, 0, 8, 8];
  const values = [9, 9, 0, 4, 8, 8, 9, 9, 0, 0, 8, 8];
  const range = { from: 1, to: 2, places: PLACES, longest: 100 };

  it.each([
    [0, 0.5],
    [1, 0.5 / 5],
    [1.5, 0.5 / 5 ** 1.5],
  ])("divides the gradient by its norm over keys and values to the power of gamma %d", (gamma, scale) => {
    const past = pair(ONES, ONES);
    descend(CONFIG, past, pair(keys, values), { ...range, stepSize: 0.5, gamma });
    const expected = (slope: number) => Math.fround(1 - scale * slope);
    // The place in the middle of the first head has the gradient (3, 0) and (0, 4); places outside the range do not count.
    expect([...past.key.view()]).toEqual(ONES.with(2, expected(3)));
    expect([...past.value.view()]).toEqual(ONES.with(3, expected(4)));
  });

  it("is never longer than the longest, and does nothing without a gradient", () => {
    const past = pair(ONES, ONES);
    const tiny = (all: readonly number[]) => all.map((x) => x * 1e-12);
    descend(CONFIG, past, pair(tiny(keys), tiny(values)), { ...range, longest: 2, stepSize: 1, gamma: 2 });
    expect(Math.hypot(1 - past.key.view()[2]!, 1 - past.value.view()[3]!)).toBeCloseTo(2, 3);
    const still = pair(ONES, ONES);
    const zeros = new Array<number>(12).fill(0);
    descend(CONFIG, still, pair(zeros, zeros), { ...range, stepSize: 1, gamma: 2 });
    expect([...still.key.view(), ...still.value.view()]).toEqual([...ONES, ...ONES]);
  });
});
