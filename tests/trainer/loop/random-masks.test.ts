import { describe, expect, it } from "vitest";
import { drawMasks } from "../../../trainer/loop/random-masks.ts";

const input = (name: string, probability: number) => ({ name, shape: [8, 64, 32], probability });
const draw = (name: string, step: number, micro: number, seed = 1) =>
  drawMasks([input(name, 0.25)], { seed, step, micro })[name]!.data as Uint8Array;

describe("drawMasks", () => {
  it("drops the given share of the elements", () => {
    const mask = draw("m", 0, 0);
    const dropped = mask.filter((kept) => kept === 0).length / mask.length;
    expect(mask.every((kept) => kept === 0 || kept === 1)).toBe(true);
    // 16,384 draws: four standard deviations are 0.0135.
    expect(Math.abs(dropped - 0.25)).toBeLessThan(0.0135);
  });

  it("gives the same mask for the same moment and another for any other", () => {
    expect(draw("m", 3, 1)).toEqual(draw("m", 3, 1));
    for (const other of [draw("m", 4, 1), draw("m", 3, 2), draw("n", 3, 1), draw("m", 3, 1, 2)]) {
      expect(other).not.toEqual(draw("m", 3, 1));
    }
  });

  it("does not depend on which masks are drawn beside it", () => {
    const both = drawMasks([input("a", 0.5), input("m", 0.25)], { seed: 1, step: 3, micro: 1 });
    expect(both.m!.data).toEqual(draw("m", 3, 1));
  });
});
