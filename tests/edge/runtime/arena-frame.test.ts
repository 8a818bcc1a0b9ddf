import { describe, expect, it } from "vitest";
import {
  type ArenaFrame,
  arenaDemand,
  distinctDeltas,
  EMPTY_FRAME,
  fitsArena,
  frameFor,
  numbersOf,
} from "../../../edge/runtime/arena-frame.ts";
import { rowDeltas, servingDelta } from "../../../edge/runtime/serving-delta.ts";
import { randomDelta } from "./tiny-model.ts";

const SIZE = { numbers: 128 * 10, perColumn: { factors: 10, bottlenecks: 2 } };
const factors = (count: number) => ({ factors: count, bottlenecks: 0 });
const demand = (rows: number, shared: number, largest: number) => {
  return { rows, shared: factors(shared), largest: factors(largest) };
};
const layoutOf = (rows: number, shared: number, largest: number, from: ArenaFrame = EMPTY_FRAME) =>
  frameFor(demand(rows, shared, largest), SIZE, from).layout;

describe("arenaDemand", () => {
  const delta = (key: string, rank: number) =>
    servingDelta(key, randomDelta(key, ["factors", "bottlenecks"], { rank }));
  const [a, b, c] = [delta("a", 2), delta("b", 3), delta("c", 4)];
  const rows = [[a], [b, a], [], [c]].map((deltas) => rowDeltas(deltas.map((one) => ({ delta: one, weight: 1 }))));

  it("counts a delta once however many rows have it, and the widest row", () => {
    expect(arenaDemand(rows)).toEqual({
      rows: 4,
      shared: { factors: 9, bottlenecks: 15 },
      largest: { factors: 5, bottlenecks: 10 },
    });
    expect(arenaDemand([])).toEqual({ rows: 0, shared: factors(0), largest: factors(0) });
    expect(distinctDeltas(rows)).toEqual([a, b, c]);
  });
});

describe("fitsArena", () => {
  it("holds both kinds of columns against the same numbers", () => {
    const of = (rank: number, columns: number) =>
      fitsArena({ ...demand(1, 0, 0), shared: { factors: rank, bottlenecks: columns } }, SIZE);
    expect([of(128, 0), of(129, 0), of(0, 640), of(127, 5), of(127, 6)]).toEqual([true, false, true, true, false]);
  });
});

describe("frameFor", () => {
  it("shares few deltas of many rows, and gives many different ones to each row", () => {
    expect(layoutOf(16, 8, 8)).toBe("bank");
    expect(layoutOf(16, 16, 8)).toBe("bank");
    expect(layoutOf(4, 32, 8)).toBe("rows");
    expect(layoutOf(16, 128, 8)).toBe("rows");
    expect(layoutOf(1, 8, 8)).toBe("bank");
  });

  it("shares where the rows' own blocks would not fit", () => {
    expect(layoutOf(16, 120, 9)).toBe("bank");
    const wide = frameFor(demand(4, 128, 32), SIZE, EMPTY_FRAME);
    expect(wide.layout).toBe("rows");
    expect(frameFor(demand(5, 128, 32), SIZE, wide).layout).toBe("bank");
  });

  it("stays with a layout until the other is clearly better", () => {
    const rows = frameFor(demand(8, 64, 8), SIZE, EMPTY_FRAME);
    expect(layoutOf(3, 24, 8)).toBe("bank");
    expect(layoutOf(3, 24, 8, rows)).toBe("rows");
    expect(layoutOf(2, 16, 8, rows)).toBe("rows");
    expect(layoutOf(2, 12, 8, rows)).toBe("bank");
  });

  it("leaves all the room to those who are there, so that the next one changes nothing", () => {
    const bank = frameFor(demand(1, 8, 8), SIZE, EMPTY_FRAME);
    expect(bank).toEqual({ layout: "bank", capacity: factors(128), stride: factors(8) });
    expect(frameFor(demand(2, 16, 8), SIZE, bank)).toBe(bank);
    expect(frameFor(demand(0, 0, 0), SIZE, bank)).toBe(bank);
    const rows = frameFor(demand(4, 32, 8), SIZE, bank);
    expect(rows).toEqual({ layout: "rows", capacity: factors(128), stride: factors(8) });
    expect(frameFor(demand(16, 100, 5), SIZE, rows)).toBe(rows);
  });

  it("divides anew for a wider row, for another kind of columns, and where blocks became far too wide", () => {
    const rows = frameFor(demand(4, 32, 8), SIZE, EMPTY_FRAME);
    expect(frameFor(demand(5, 41, 9), SIZE, rows).stride.factors).toBe(9);
    expect(frameFor(demand(4, 16, 4), SIZE, rows)).toBe(rows);
    expect(frameFor(demand(4, 12, 3), SIZE, rows).stride.factors).toBe(3);
    const mixed = frameFor(
      { ...demand(4, 32, 8), shared: { factors: 32, bottlenecks: 80 }, largest: { factors: 8, bottlenecks: 20 } },
      SIZE,
      rows,
    );
    expect(mixed).toMatchObject({ layout: "rows", stride: { factors: 8, bottlenecks: 20 } });
    expect(mixed.capacity.factors).toBeGreaterThanOrEqual(32);
    expect(mixed.capacity.bottlenecks).toBeGreaterThanOrEqual(80);
    expect(numbersOf(mixed.capacity, SIZE)).toBeLessThanOrEqual(SIZE.numbers);
  });

  it("divides exactly where every number is needed", () => {
    for (const [rank, columns] of [
      [128, 0],
      [127, 5],
      [1, 635],
      [64, 320],
    ] as const) {
      const needed = { factors: rank, bottlenecks: columns };
      expect(frameFor({ rows: 2, shared: needed, largest: needed }, SIZE, EMPTY_FRAME).capacity).toEqual(needed);
    }
  });
});
