import { describe, expect, it } from "vitest";
import {
  type ArenaDemand,
  type ArenaFrame,
  arenaDemand,
  arenaSize,
  bankFloats,
  distinctDeltas,
  EMPTY_FRAME,
  fitsArena,
  frameFor,
  measuredRowsCost,
} from "../../../edge/runtime/arena-frame.ts";
import { columnSizes } from "../../../edge/runtime/column-sites.ts";
import { rowDeltas, servingDelta } from "../../../edge/runtime/serving-delta.ts";
import { randomDelta, TINY } from "./tiny-model.ts";

/** Two layers with factors and two blocks; a float in the layout `rows` costs three times as much. */
const SIZE = {
  floats: 128 * 10,
  perColumn: { factors: 10, bottlenecks: 2 },
  perSite: new Map([
    ["narrow", 3],
    ["wide", 7],
    ["attention", 1],
    ["ffn", 1],
  ]),
  rowsCost: () => 3,
};
const factors = (count: number) => ({ factors: count, bottlenecks: 0 });
const onBoth = (count: number) =>
  new Map([
    ["narrow", count],
    ["wide", count],
  ]);
const demand = (rows: number, shared: number, largest: number): ArenaDemand => {
  return { rows, shared: factors(shared), strides: largest === 0 ? new Map() : onBoth(largest) };
};
const layoutOf = (rows: number, shared: number, largest: number, from: ArenaFrame = EMPTY_FRAME) =>
  frameFor(demand(rows, shared, largest), SIZE, from).layout;

describe("arenaSize", () => {
  it("counts a column's floats over the model and at each site", () => {
    const size = arenaSize(TINY, 5);
    expect(size).toMatchObject({ floats: 5, perColumn: columnSizes(TINY), rowsCost: measuredRowsCost });
    expect(size.perSite.get("layers.0.self_attn.k_proj")).toBe(32 + 16);
    expect(size.perSite.get("layers.1.mlp")).toBe(2 * 32 + 4);
    expect([...size.perSite.values()].reduce((sum, floats) => sum + floats, 0)).toBe(
      size.perColumn.factors + size.perColumn.bottlenecks,
    );
    expect([4, 16].map(measuredRowsCost)).toEqual([2 + 4 / 6, 2 + 16 / 6]);
  });
});

describe("arenaDemand", () => {
  const delta = (key: string, rank: number) =>
    servingDelta(key, randomDelta(key, ["factors", "bottlenecks"], { rank }));
  const [a, b, c] = [delta("a", 2), delta("b", 3), delta("c", 4)];
  const rows = [[a], [b, a], [], [c]].map((deltas) => rowDeltas(deltas.map((one) => ({ delta: one, weight: 1 }))));

  it("counts a delta once however many rows use it, and finds the widest row of each site", () => {
    const { strides, ...rest } = arenaDemand(rows);
    expect(rest).toEqual({ rows: 4, shared: { factors: 9, bottlenecks: 15 } });
    expect(strides.get("layers.0.self_attn.q_proj")).toBe(5);
    expect(strides.get("layers.0.self_attn.v_proj")).toBeUndefined();
    expect(strides.get("layers.1.mlp")).toBe(10);
    expect(arenaDemand([])).toEqual({ rows: 0, shared: factors(0), strides: new Map() });
    expect(distinctDeltas(rows)).toEqual([a, b, c]);
  });
});

describe("fitsArena", () => {
  it("counts both kinds of columns against the same floats", () => {
    const of = (rank: number, columns: number) => {
      const strides = new Map([...onBoth(rank), ["attention", columns], ["ffn", columns]] as const);
      return fitsArena({ rows: 2, shared: { factors: rank, bottlenecks: columns }, strides }, SIZE);
    };
    expect([of(128, 0), of(129, 0), of(0, 640), of(127, 5), of(127, 6)]).toEqual([true, false, true, true, false]);
  });

  it("accepts sparse deltas that fit in the layout `rows` only", () => {
    const sparse = (rows: number) => ({ rows, shared: factors(rows * 50), strides: new Map([["narrow", 50]]) });
    expect([sparse(2), sparse(8), sparse(9)].map((one) => fitsArena(one, SIZE))).toEqual([true, true, false]);
  });
});

describe("frameFor", () => {
  it("shares a few deltas in the bank, and gives each row its own when there are many", () => {
    expect(layoutOf(16, 8, 8)).toBe("bank");
    expect(layoutOf(16, 16, 8)).toBe("bank");
    expect(layoutOf(4, 32, 8)).toBe("rows");
    expect(layoutOf(16, 128, 8)).toBe("rows");
    expect(layoutOf(1, 8, 8)).toBe("bank");
  });

  it("takes the cost for the batch's row count", () => {
    const size = { ...SIZE, rowsCost: (rows: number) => (rows > 4 ? 10 : 1) };
    const layouts = [4, 5].map((rows) => frameFor(demand(rows, 32, 8), size, EMPTY_FRAME).layout);
    expect(layouts).toEqual(["rows", "bank"]);
  });

  it("counts only the layers that the deltas change in the layout `rows`", () => {
    const sparse = { rows: 2, shared: factors(16), strides: new Map([["narrow", 8]]) };
    expect(frameFor(sparse, SIZE, EMPTY_FRAME)).toEqual({ layout: "rows", strides: sparse.strides, rows: 53 });
  });

  it("uses the bank if per-row blocks do not fit", () => {
    expect(layoutOf(16, 120, 9)).toBe("bank");
    const wide = frameFor(demand(4, 128, 32), SIZE, EMPTY_FRAME);
    expect(wide.layout).toBe("rows");
    expect(frameFor(demand(5, 128, 32), SIZE, wide).layout).toBe("bank");
  });

  it("keeps a layout until the other is clearly cheaper", () => {
    const rows = frameFor(demand(8, 64, 8), SIZE, EMPTY_FRAME);
    expect(layoutOf(3, 24, 8)).toBe("bank");
    expect(layoutOf(3, 24, 8, rows)).toBe("rows");
    expect(layoutOf(3, 20, 8, rows)).toBe("rows");
    expect(layoutOf(2, 16, 8, rows)).toBe("bank");
  });

  it("fills the arena, so that the next delta does not redivide it", () => {
    const bank = frameFor(demand(1, 8, 8), SIZE, EMPTY_FRAME);
    expect(bank).toEqual({ layout: "bank", capacity: factors(128) });
    expect(frameFor(demand(2, 16, 8), SIZE, bank)).toBe(bank);
    expect(frameFor(demand(0, 0, 0), SIZE, bank)).toBe(bank);
    const rows = frameFor(demand(4, 32, 8), SIZE, bank);
    expect(rows).toEqual({ layout: "rows", strides: onBoth(8), rows: 16 });
    expect(frameFor(demand(16, 100, 5), SIZE, rows)).toBe(rows);
  });

  it("redivides for a wider row, for another layer, and when blocks are far too large", () => {
    const rows = frameFor(demand(4, 32, 8), SIZE, EMPTY_FRAME);
    expect(frameFor(demand(5, 41, 9), SIZE, rows)).toMatchObject({ strides: onBoth(9) });
    expect(frameFor(demand(4, 16, 4), SIZE, rows)).toBe(rows);
    expect(frameFor(demand(4, 12, 3), SIZE, rows)).toMatchObject({ strides: onBoth(3) });
    const strides = new Map([...onBoth(8), ["ffn", 20]] as const);
    const mixed = frameFor({ rows: 4, shared: { factors: 32, bottlenecks: 80 }, strides }, SIZE, rows);
    expect(mixed).toEqual({ layout: "rows", strides, rows: 12 });
    expect(frameFor(demand(0, 0, 0), SIZE, rows)).toMatchObject({ layout: "rows", strides: new Map() });
  });

  it("divides exactly when every float is needed", () => {
    for (const [rank, columns] of [
      [128, 0],
      [127, 5],
      [1, 635],
      [64, 320],
    ] as const) {
      const shared = { factors: rank, bottlenecks: columns };
      const strides = new Map([...onBoth(rank), ["attention", columns], ["ffn", columns]] as const);
      expect(bankFloats(shared, SIZE)).toBe(SIZE.floats);
      expect(frameFor({ rows: 2, shared, strides }, SIZE, EMPTY_FRAME)).toEqual({ layout: "bank", capacity: shared });
    }
  });
});
