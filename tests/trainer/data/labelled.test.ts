import { describe, expect, it } from "vitest";
import { f32 } from "../../../shared/tensor.ts";
import { labelledCapacity, labelledPlaces } from "../../../trainer/data/labelled.ts";
import type { Unit } from "../../../trainer/data/units.ts";

const weights = f32([2, 4], [0, 1, 0, 0, 1, 1, 0, 0]);

describe("labelledPlaces", () => {
  it("are those with a label, filled up with one that has none", () => {
    expect(labelledPlaces(weights, 3)).toMatchObject({ shape: [3], data: BigInt64Array.of(1n, 4n, 5n) });
    expect(labelledPlaces(weights, 5)?.data).toEqual(BigInt64Array.of(1n, 4n, 5n, 0n, 0n));
    expect(labelledPlaces(f32([1, 2], [1, 1]), 2)?.data).toEqual(BigInt64Array.of(0n, 1n));
    expect(labelledPlaces(f32([1, 2], [0, 0]), 1)?.data).toEqual(BigInt64Array.of(0n));
  });

  it("are none where there is no room", () => {
    expect(labelledPlaces(weights, 2)).toBeUndefined();
    expect(labelledPlaces(weights, 9)).toBeUndefined();
  });
});

describe("labelledCapacity", () => {
  const rows = { shape: { rows: 2, tokens: 64 }, packing: true, padId: 0 };
  const unit = (prompt: number, reply: number): Unit => {
    const ids = Int32Array.from({ length: prompt + reply }, (_, at) => at + 1);
    return { examples: [{ ids, labels: ids.map((id, at) => (at < prompt ? -100 : id)) }] };
  };

  it("has room for the fullest micro-batch, in steps of 16", () => {
    const steps = [[[unit(20, 5)]], [[unit(10, 20), unit(30, 5)]], [[unit(3, 3)]]];
    expect(labelledCapacity(steps, rows)).toBe(32);
  });

  it("is none where nearly everything is labelled, or nothing is", () => {
    expect(labelledCapacity([[[unit(0, 64), unit(0, 64)]]], rows)).toBeUndefined();
    expect(labelledCapacity([[[unit(20, 0)]]], rows)).toBeUndefined();
  });
});
