import { describe, expect, it } from "vitest";
import { planMemory } from "../../../edge/runtime/memory-plan.ts";
import { beyondLimits, columnsInWords, demandOf, servingLimits, totalDemand } from "../../../edge/serving/limits.ts";
import baseJson from "../../../infra/base/model/config.json";
import { type CanonicalModule, NO_DELTA } from "../../../shared/delta/canonical.ts";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { zeros } from "../../../shared/tensor.ts";

const MIB = 1024 * 1024;

describe("servingLimits", () => {
  it("are the arena's and the context's, and so fall with the heap", () => {
    const config = parseModelConfig(baseJson);
    const limits = [96, 44, 47].map((heap) => servingLimits(config, heap * MIB));
    expect(limits.map(({ rank }) => rank)).toEqual([128, 16, 32]);
    expect(limits[1]!.columns).toBe(Math.floor(planMemory(config, 44 * MIB).arenaFloats / (12 * (2 * 256 + 4))));
    expect(() => servingLimits(config, MIB)).toThrow(expect.objectContaining({ code: "capacity_exceeded" }));
  });

  it("let the embedded base have 128 ranks or 603 columns in the default heap", () => {
    // A rank is 116,736 bytes; a column of all 12 blocks 4 · 12 · (2 · 256 + 4).
    expect(servingLimits(parseModelConfig(baseJson), 96 * MIB)).toEqual({
      rank: 128,
      columns: 603,
      positions: 510,
      bytes: 16 * MIB,
    });
  });
});

describe("beyondLimits", () => {
  const limits = { rank: 128, columns: 600, positions: 510, bytes: 2_000_000 };
  const demand = (rank: number, columns: number, positions = 0, bytes = 2_000_000) =>
    beyondLimits({ rank, columns, positions, bytes }, limits);

  it("lets through what fits, of one kind or of both", () => {
    for (const [rank, columns, positions] of [
      [0, 0, 0],
      [128, 0, 510],
      [0, 600, 0],
      [64, 300, 0],
    ] as const) {
      expect(demand(rank, columns, positions)).toBeUndefined();
    }
  });

  it("names what is too much", () => {
    expect(demand(129, 0)).toEqual({ has: "a rank of 129", most: "a rank of 128" });
    expect(demand(0, 601)).toEqual({ has: "601 bottleneck columns", most: "600 bottleneck columns" });
    expect(demand(65, 300)).toEqual({
      has: "a rank of 65 and 300 bottleneck columns",
      most: "a rank of 128 or 600 bottleneck columns",
    });
    expect(demand(128, 0, 0, 2_060_000)).toEqual({ has: "2.1 MB of numbers", most: "2.0 MB" });
    expect(demand(8, 0, 511)).toEqual({ has: "511 positions before the text", most: "510" });
  });
});

it("takes a delta by its largest layer, without what the host adds", () => {
  const factors = (rank: number) => ({ a: zeros([4, rank]), b: zeros([rank, 4]) });
  const flags = { downBias: zeros([3]), fromOutput: zeros([3]), fromStream: zeros([3]), silu: zeros([3]) };
  const block = { down: zeros([4, 3]), up: zeros([3, 4]), upBias: zeros([4]), ...flags };
  expect(demandOf(NO_DELTA)).toEqual({ rank: 0, columns: 0, positions: 0, bytes: 0 });
  expect(
    demandOf({
      linears: new Map<string, CanonicalModule>([
        ["layers.0.self_attn.q_proj", factors(2)],
        ["layers.0.self_attn.k_proj", { ...factors(5), bias: zeros([4]) }],
        ["lm_head", factors(9)],
      ]),
      bottlenecks: new Map([["layers.0.mlp", block]]),
      embedding: factors(9),
      prompt: zeros([6, 4]),
      prefix: [{ key: zeros([7, 4]), value: zeros([7, 4]) }],
    }),
  ).toEqual({ rank: 5, columns: 3, positions: 13, bytes: 4 * (8 * (2 + 5 + 9 + 9) + 4 + 40 + 24 + 56) });
});

it("says columns in words", () => {
  expect(columnsInWords({ rank: 8, columns: 0 }, "and")).toBe("a rank of 8");
  expect(columnsInWords({ rank: 0, columns: 16 }, "or")).toBe("16 bottleneck columns");
});

it("adds up what several deltas take", () => {
  const one = { rank: 1, columns: 2, positions: 3, bytes: 4 };
  expect(totalDemand([one, { ...one, rank: 7 }])).toEqual({ rank: 8, columns: 4, positions: 6, bytes: 8 });
  expect(totalDemand([])).toEqual({ rank: 0, columns: 0, positions: 0, bytes: 0 });
});
