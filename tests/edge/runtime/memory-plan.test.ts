import { describe, expect, it } from "vitest";
import { columnSizes } from "../../../edge/runtime/column-sites.ts";
import { KvSlab } from "../../../edge/runtime/kv-slab.ts";
import {
  bytesPerSlot,
  planMemory,
  servedPositions,
  spareBytes,
  weightBytes,
} from "../../../edge/runtime/memory-plan.ts";
import baseJson from "../../../infra/base/model/config.json";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { parameterCount } from "../../../shared/model/modules.ts";
import { TINY } from "./tiny-model.ts";

const MIB = 1024 * 1024;
const RUNTIME_BYTES = 19 * MIB;
const base = parseModelConfig(baseJson);
/**
 * Sizes of the embedded base, worked out by hand: 5,246,208 weights; for each row, 6 layers of 2 · 4 heads · 512 tokens · 32,
 * two vectors of 2,560 outputs per layer, and a bias of 256 for each of 12 blocks.
 */
const WEIGHT_BYTES = 20_984_832;
const SLOT_BYTES = 3_145_728 + 4 * (6 * 2 * 2_560 + 12 * 256);
const RANK_BYTES = 116_736;
const RANK_FLOATS = RANK_BYTES / 4;

it("says how much of a model's context is served", () => {
  expect(servedPositions(base)).toBe(512);
  const long = { ...TINY, maxPositions: 1_000_000 };
  expect(servedPositions(long)).toBe(2048);
  expect(planMemory(long, 4000 * MIB).capacity).toBe(servedPositions(long));
});

describe("planMemory", () => {
  it("knows the sizes of the embedded base", () => {
    expect(4 * parameterCount(base)).toBe(WEIGHT_BYTES);
    expect(KvSlab.bytesPerSlot(base, 512)).toBe(3_145_728);
    expect(bytesPerSlot(base, 512)).toBe(SLOT_BYTES);
    expect(4 * columnSizes(base).factors).toBe(RANK_BYTES);
  });

  it("serves the embedded base and a full fine-tune of it in the default heap", () => {
    // 96 MiB less the runtime, two sets of weights and 128 ranks leaves 23.8 MB: 7 rows of 3.3 MB.
    expect(planMemory(base, 96 * MIB)).toEqual({ slots: 7, capacity: 512, arenaFloats: 128 * RANK_FLOATS });
  });

  it("gives up ranks before rows, and then the second set of weights", () => {
    const heap = (sets: number, slots: number, ranks: number) =>
      RUNTIME_BYTES + sets * WEIGHT_BYTES + slots * SLOT_BYTES + ranks * RANK_BYTES;
    expect(planMemory(base, heap(2, 4, 128))).toEqual({ slots: 4, capacity: 512, arenaFloats: 128 * RANK_FLOATS });
    expect(planMemory(base, heap(2, 4, 128) - 1)).toMatchObject({ slots: 6, arenaFloats: 64 * RANK_FLOATS });
    expect(planMemory(base, heap(2, 4, 16))).toMatchObject({ slots: 4, arenaFloats: 16 * RANK_FLOATS });
    expect(planMemory(base, heap(2, 4, 16) - 1)).toMatchObject({ slots: 6, arenaFloats: 128 * RANK_FLOATS });
    expect(planMemory(base, heap(1, 4, 128))).toMatchObject({ slots: 4, arenaFloats: 128 * RANK_FLOATS });
  });

  it("gives up ranks before resorting to one row at a time", () => {
    const heap = RUNTIME_BYTES + WEIGHT_BYTES + SLOT_BYTES + 128 * RANK_BYTES;
    expect(planMemory(base, heap)).toMatchObject({ slots: 4, arenaFloats: 32 * RANK_FLOATS });
    const smallest = RUNTIME_BYTES + WEIGHT_BYTES + SLOT_BYTES + 16 * RANK_BYTES;
    expect(planMemory(base, smallest)).toMatchObject({ slots: 1, arenaFloats: 16 * RANK_FLOATS });
    expect(() => planMemory(base, smallest - 1)).toThrow("needs 44 MiB to serve one row");
  });

  it("has at most 16 rows of at most 2048 tokens", () => {
    expect(planMemory(TINY, 96 * MIB)).toEqual({
      slots: 16,
      capacity: 64,
      arenaFloats: 128 * columnSizes(TINY).factors,
    });
    expect(planMemory({ ...TINY, maxPositions: 131_072 }, 96 * MIB).capacity).toBe(2048);
  });

  it("reports the memory that a too large model would need", () => {
    const large = { ...base, hiddenSize: 1024, ffnSize: 4096, heads: 32, kvHeads: 8 };
    expect(() => planMemory(large, 96 * MIB)).toThrow(
      expect.objectContaining({
        code: "capacity_exceeded",
        message: expect.stringMatching(
          /^the model needs (\d+) MiB to serve one row, but ENGINE_HEAP_MB limits the heap to 96 MiB; use a smaller model, or start the server with ENGINE_HEAP_MB=\1 or more/,
        ),
        data: {
          neededBytes:
            RUNTIME_BYTES + 4 * parameterCount(large) + bytesPerSlot(large, 512) + 4 * 16 * columnSizes(large).factors,
          heapLimitBytes: 96 * MIB,
        },
      }),
    );
  });
});

it("says what a plan leaves for further sets of weights", () => {
  expect(weightBytes(base)).toBe(WEIGHT_BYTES);
  const heap = RUNTIME_BYTES + 2 * WEIGHT_BYTES + 5 * SLOT_BYTES + 128 * RANK_BYTES + 99;
  expect(spareBytes(base, heap, planMemory(base, heap))).toBe(WEIGHT_BYTES + 99);
});
