import { describe, expect, it } from "vitest";
import { columnSites, columnSizes } from "../../../edge/runtime/column-sites.ts";
import { DeltaArena } from "../../../edge/runtime/delta-arena.ts";
import { loadOrtModule } from "../../../edge/runtime/ort-module.ts";
import {
  BARE,
  type RowDeltas,
  rowDeltas,
  type ServingDelta,
  servingDelta,
} from "../../../edge/runtime/serving-delta.ts";
import type { NamedTensors } from "../../../edge/runtime/session.ts";
import { NO_DELTA } from "../../../shared/delta/canonical.ts";
import { GAINS } from "../../../shared/model/serving-rewrite.ts";
import { f32 } from "../../../shared/tensor.ts";
import { TINY } from "./tiny-model.ts";

const SLOTS = 6;
const Q = "layers.0.self_attn.q_proj";
const DOWN = "layers.1.mlp.down_proj";
const FFN = "layers.1.mlp";

interface Sizes {
  readonly rank?: number;
  readonly ranks?: number;
  readonly columns?: number;
}

/**
 * A delta on the first layer, the last layer and the last block. Every element of rank r is `mark` + r in A and its negative in
 * B; the bottleneck's columns are alike. The last layer has `ranks` ranks.
 */
function delta(key: string, mark: number, { rank = 2, ranks = rank, columns = 0 }: Sizes = {}): ServingDelta {
  const filled = (rows: number, width: number, sign: number) =>
    f32(
      [rows, width],
      Float32Array.from({ length: rows * width }, (_, at) => sign * (mark + Math.floor(at / width))),
    );
  const turned = (rows: number, width: number) =>
    f32(
      [rows, width],
      Float32Array.from({ length: rows * width }, (_, at) => mark + (at % width)),
    );
  const one = (value: number) => f32([columns], new Float32Array(columns).fill(value));
  const linears = [
    [Q, { a: turned(32, rank), b: filled(rank, 32, -1) }],
    [DOWN, { a: turned(48, ranks), b: filled(ranks, 32, -1) }],
  ] as const;
  const bottleneck = {
    down: turned(32, columns),
    up: filled(columns, 32, -1),
    downBias: one(mark),
    upBias: f32([32], new Float32Array(32)),
    fromOutput: one(1),
    fromStream: one(0),
    silu: one(1),
  };
  return servingDelta(key, {
    ...NO_DELTA,
    linears: new Map(rank === 0 ? [] : linears),
    bottlenecks: new Map(columns === 0 ? [] : [[FFN, bottleneck]]),
  });
}

const row = (...terms: (readonly [ServingDelta, number])[]): RowDeltas =>
  rowDeltas(terms.map(([one, weight]) => ({ delta: one, weight })));

/** The single value that fills each run of `width` floats. */
function marks(window: NamedTensors, input: string, width: number): number[] {
  const view = [...(window[input]!.view() as Float32Array)];
  return Array.from({ length: view.length / width }, (_, at) => {
    const stretch = view.slice(at * width, (at + 1) * width);
    expect(new Set(stretch).size).toBe(1);
    return stretch[0]!;
  });
}
const aOf = (window: NamedTensors) => marks(window, `${Q}.A`, 32);
const bOf = (window: NamedTensors) => marks(window, `${Q}.B`, 32);
const gainsOf = (window: NamedTensors) => [...(window[GAINS.factors]!.view() as Float32Array)];

/** Always choose the bank if it fits; always choose `rows`. */
const BANK = () => Number.MAX_VALUE;
const OWN = () => 0;

async function make(rowsCost: (rows: number) => number, ranks = 16) {
  const floats = ranks * columnSizes(TINY).factors;
  return new DeltaArena(await loadOrtModule(), TINY, { slots: SLOTS, floats, rowsCost });
}

describe("DeltaArena as a bank", () => {
  const [a, b, c] = [delta("a", 1), delta("b", 10, { rank: 3 }), delta("c", 20, { rank: 1 })];

  it("lays each delta in use side by side once, and gives each row its gains", async () => {
    const arena = await make(BANK);
    arena.arrange([row([a, 1]), BARE, row([b, 0.5], [a, -1]), row([a, 1])]);
    expect(arena.layout).toBe("bank");
    const window = arena.window("factors", 0, 4);
    expect(window[`${Q}.A`]!.shape).toEqual([5, 32]);
    expect(aOf(window)).toEqual([1, 2, 10, 11, 12]);
    expect(bOf(window)).toEqual([-1, -2, -10, -11, -12]);
    expect(window[GAINS.factors]!.shape).toEqual([4, 1, 5]);
    expect(gainsOf(window)).toEqual([1, 1, 0, 0, 0, 0, 0, 0, 0, 0, -1, -1, 0.5, 0.5, 0.5, 1, 1, 0, 0, 0]);
    expect(marks(window, "layers.0.self_attn.o_proj.A", 32)).toEqual([0, 0, 0, 0, 0]);
  });

  it("gives rows that run separately only their own columns", async () => {
    const arena = await make(BANK);
    arena.arrange([row([a, 1]), row([b, 2]), row([c, 1]), BARE]);
    const window = arena.window("factors", 1, 1);
    expect([aOf(window), gainsOf(window)]).toEqual([
      [10, 11, 12],
      [2, 2, 2],
    ]);
    expect(aOf(arena.window("factors", 1, 2))).toEqual([10, 11, 12, 20]);
    expect(arena.window("factors", 1, 1)).toBe(window);
    const nothing = arena.window("factors", 3, 1);
    expect([nothing[`${Q}.A`]!.shape, aOf(nothing), gainsOf(nothing)]).toEqual([[1, 32], [0], [0]]);
  });

  it("moves the deltas above one down when its last row leaves", async () => {
    const arena = await make(BANK);
    const rows = [row([a, 1]), row([b, 1]), row([c, 1]), row([a, 1])];
    arena.arrange(rows);
    arena.arrange(rows.slice(1));
    expect(aOf(arena.window("factors", 0, 3))).toEqual([1, 2, 10, 11, 12, 20]);
    arena.arrange(rows.slice(1, 3));
    expect(aOf(arena.window("factors", 0, 2))).toEqual([10, 11, 12, 20]);
    arena.arrange([rows[2]!, row([delta("d", 30), 1])]);
    const window = arena.window("factors", 0, 2);
    expect([aOf(window), gainsOf(window)]).toEqual([
      [20, 30, 31],
      [1, 0, 0, 0, 1, 1],
    ]);
  });

  it("erases a delta's ranks in a layer where the next delta has fewer", async () => {
    const arena = await make(BANK);
    arena.arrange([row([delta("gone", 7, { rank: 4 }), 1])]);
    arena.arrange([row([delta("next", 1, { rank: 4, ranks: 1 }), 1])]);
    const window = arena.window("factors", 0, 1);
    expect(marks(window, `${DOWN}.A`, 48)).toEqual([1, 0, 0, 0]);
    expect(marks(window, `${DOWN}.B`, 32)).toEqual([-1, 0, 0, 0]);
  });
});

describe("DeltaArena in the layout `rows`", () => {
  const own = Array.from({ length: SLOTS }, (_, i) => delta(`own ${i}`, 10 * (i + 1), { rank: 2 }));
  const rows = own.map((one) => row([one, 1]));

  it("gives every slot a block as wide as the widest row, with weights folded into B", async () => {
    const arena = await make(OWN);
    arena.arrange([row([own[0]!, 0.5]), BARE, ...rows.slice(2, 5), row([delta("thin", 1, { rank: 1 }), -1])]);
    expect(arena.layout).toBe("rows");
    const window = arena.window("factors", 0, 6);
    expect(window[`${Q}.A`]!.shape).toEqual([6, 2, 32]);
    // A layer that no row changes is one column of zeros.
    expect(window["layers.0.self_attn.k_proj.A"]!.shape).toEqual([6, 1, 32]);
    expect(aOf({ [`${Q}.A`]: window["layers.0.self_attn.k_proj.A"]! })).toEqual([0, 0, 0, 0, 0, 0]);
    expect(window).not.toHaveProperty(GAINS.factors);
    expect(aOf(window)).toEqual([10, 11, 0, 0, 30, 31, 40, 41, 50, 51, 1, 0]);
    expect(bOf(window)).toEqual([-5, -5.5, 0, 0, -30, -31, -40, -41, -50, -51, 1, 0].map((value) => value + 0));
    expect(aOf(arena.window("factors", 2, 1))).toEqual([30, 31]);
  });

  it("follows rows that move, and lays several deltas of one row side by side", async () => {
    const arena = await make(OWN, 24);
    arena.arrange(rows);
    const pair = row([own[1]!, 1], [own[2]!, 2]);
    arena.arrange([rows[5]!, pair, rows[2]!, rows[3]!, rows[4]!]);
    const window = arena.window("factors", 0, 5);
    expect(aOf(window)).toEqual([60, 61, 0, 0, 20, 21, 30, 31, 30, 31, 0, 0, 40, 41, 0, 0, 50, 51, 0, 0]);
    expect(bOf(arena.window("factors", 1, 1))).toEqual([-20, -21, -60, -62]);
  });

  it("clears the slots of rows that have left", async () => {
    const arena = await make(OWN);
    arena.arrange(rows);
    arena.arrange(rows.slice(0, 4));
    arena.arrange([...rows.slice(0, 4), BARE]);
    expect(aOf(arena.window("factors", 3, 2))).toEqual([40, 41, 0, 0]);
  });
});

describe("DeltaArena", () => {
  it("holds bottlenecks with and without factors", async () => {
    const arena = await make(BANK);
    const [both, only] = [delta("both", 1, { columns: 3 }), delta("only", 50, { rank: 0, columns: 2 })];
    arena.arrange([row([both, 1]), row([only, 2])]);
    const { factors, bottlenecks } = {
      factors: arena.window("factors", 0, 2),
      bottlenecks: arena.window("bottlenecks", 0, 2),
    };
    expect(gainsOf(factors)).toEqual([1, 1, 0, 0]);
    expect(marks(bottlenecks, `${FFN}.down`, 32)).toEqual([1, 2, 3, 50, 51]);
    expect(marks(bottlenecks, `${FFN}.up`, 32)).toEqual([-1, -2, -3, -50, -51]);
    expect(bottlenecks[`${FFN}.silu`]!.shape).toEqual([1, 1, 5]);
    expect(marks(bottlenecks, `${FFN}.down_bias`, 1)).toEqual([1, 1, 1, 50, 50]);
    expect([...(bottlenecks[GAINS.bottlenecks]!.view() as Float32Array)]).toEqual([1, 1, 1, 0, 0, 0, 0, 0, 2, 2]);
    const rows = await make(OWN);
    rows.arrange(Array.from({ length: 4 }, (_, i) => row([delta(`k${i}`, 10 * i, { rank: 0, columns: 4 }), 1])));
    const own = rows.window("bottlenecks", 1, 3);
    expect([own[`${FFN}.down`]!.shape, own[`${FFN}.from_output`]!.shape]).toEqual([
      [3, 4, 32],
      [3, 1, 4],
    ]);
    expect(marks(own, `${FFN}.down`, 32)).toEqual([10, 11, 12, 13, 20, 21, 22, 23, 30, 31, 32, 33]);
  });

  it.each([
    ["bank", BANK],
    ["rows", OWN],
  ])("leaves nothing in the heap once all rows have left: %s", async (layout, rowsCost) => {
    const ort = await loadOrtModule();
    const floats = 16 * columnSizes(TINY).factors;
    const arena = new DeltaArena(ort, TINY, { slots: SLOTS, floats, rowsCost });
    const inHeap = () => {
      let count = 0;
      for (const value of new Float32Array(ort.buffer)) if (Math.abs(value) === 12_345.5) count++;
      return count;
    };
    const rows = Array.from({ length: SLOTS }, (_, i) => row([delta(`k${i}`, 12_345.5, { rank: 1 + (i % 2) }), 1]));
    arena.arrange(rows);
    expect(arena.layout).toBe(layout);
    expect(inHeap()).toBe(SLOTS * (32 + 32 + 48 + 32));
    arena.arrange(rows.slice(1));
    expect(inHeap()).toBe((SLOTS - 1) * (32 + 32 + 48 + 32));
    arena.arrange([]);
    expect(inHeap()).toBe(0);
  });

  it("switches between layouts as the rows change, leaving nothing behind", async () => {
    // These deltas change two of fourteen layers; the layout `rows` pays for those two only.
    const arena = await make(() => 10, 24);
    const deltas = Array.from({ length: SLOTS }, (_, i) => delta(`k${i}`, 10 * i + 10));
    const wide = row([delta("wide", 5, { rank: 12 }), 1], [deltas[0]!, 1]);
    const layouts: string[] = [];
    for (const rows of [
      [wide],
      [row([deltas[0]!, 1]), row([deltas[0]!, 1]), row([deltas[0]!, 1])],
      deltas.map((one) => row([one, 1])),
      [row([deltas[0]!, 1])],
    ]) {
      arena.arrange(rows);
      layouts.push(arena.layout);
      for (const [slot, { terms }] of rows.entries()) {
        const expected = terms.flatMap(({ delta: { sites } }) => {
          const { count, parts } = sites.factors.get(Q)!;
          return Array.from({ length: count }, (_, column) => parts[0]![column * 32]!);
        });
        const got = aOf(arena.window("factors", slot, 1));
        expect(got.filter((mark) => mark !== 0).sort()).toEqual(expected.sort());
      }
    }
    expect(layouts).toEqual(["bank", "bank", "rows", "bank"]);
  });

  it("knows what fits, and rejects what does not without changing anything", async () => {
    const arena = await make(BANK, 5);
    const [a, b, c] = [delta("a", 1, { rank: 3 }), delta("b", 10), delta("c", 20, { rank: 1 })];
    expect([arena.fits([row([a, 1]), row([b, 1])]), arena.fits([row([a, 1], [b, 1], [c, 1])])]).toEqual([true, false]);
    arena.arrange([row([a, 1])]);
    expect(arena.fits([row([a, 1]), row([a, 2], [b, 1])])).toBe(true);
    expect(() => arena.arrange([row([a, 1]), row([b, 1]), row([c, 1])])).toThrow(
      expect.objectContaining({
        code: "capacity_exceeded",
        message: "the deltas of 3 rows do not fit in the arena; use fewer or smaller deltas",
      }),
    );
    expect(aOf(arena.window("factors", 0, 1))).toEqual([1, 2, 3]);
    expect([arena.largest("factors"), arena.largest("bottlenecks")]).toEqual([5, Math.floor((5 * 928) / 272)]);
  });

  it("gives zeros under every name for a graph with more inputs than the batch needs", async () => {
    const arena = await make(BANK);
    const names = columnSites(TINY, "bottlenecks").flatMap(({ parts }) => parts.map(({ input }) => input));
    arena.arrange([row([delta("a", 1), 1])]);
    const bank = arena.window("bottlenecks", 0, 1);
    expect(Object.keys(bank).sort()).toEqual([...names, GAINS.bottlenecks].sort());
    const isZero = (window: NamedTensors) =>
      Object.values(window).every((tensor) => (tensor.view() as Float32Array).every((value) => value === 0));
    expect(isZero(bank)).toBe(true);
    const other = await make(OWN);
    other.arrange(Array.from({ length: 5 }, (_, i) => row([delta(`k${i}`, 1), 1])));
    const rows = other.window("bottlenecks", 1, 3);
    expect(Object.keys(rows).sort()).toEqual(names.toSorted());
    expect(rows[`${FFN}.up`]!.shape).toEqual([3, 1, 32]);
    expect(isZero(rows)).toBe(true);
  });
});
