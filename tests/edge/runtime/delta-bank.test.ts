import { describe, expect, it } from "vitest";
import { type BankDelta, DeltaBank } from "../../../edge/runtime/delta-bank.ts";
import { loadOrtModule } from "../../../edge/runtime/ort-module.ts";
import { factorNames } from "../../../shared/model/decode-graph.ts";
import { linearModules } from "../../../shared/model/modules.ts";
import { TINY } from "./tiny-model.ts";

const MODULES = linearModules(TINY);
const Q = MODULES[0]!;
const DOWN = MODULES.at(-1)!;

/** A delta on the first and the last layer: every element of A is `mark`, of B −`mark`; `ranks` of them on the last layer. */
function delta(key: string, rank: number, mark: number, ranks = rank): BankDelta {
  const factors = (size: number, module: typeof Q) => ({
    a: new Float32Array(size * module.in).fill(mark),
    b: new Float32Array(size * module.out).fill(-mark),
  });
  return {
    key,
    rank,
    factors: new Map([
      [Q.path, factors(rank, Q)],
      [DOWN.path, factors(ranks, DOWN)],
    ]),
  };
}

/** What each active rank holds on a layer: the one value of its row of A, and of B. */
function ranksOf(bank: DeltaBank, { path, in: inSize, out } = Q): { a: number[]; b: number[] } {
  const names = factorNames(path);
  const window = bank.window();
  const read = (name: string, width: number) => {
    const tensor = window[name]!;
    expect(tensor.shape).toEqual([bank.activeRank, width]);
    return Array.from({ length: bank.activeRank }, (_, rank) => {
      const row = [...(tensor.view() as Float32Array).subarray(rank * width, (rank + 1) * width)];
      expect(new Set(row).size).toBe(1);
      return row[0]!;
    });
  };
  return { a: read(names.a, inSize), b: read(names.b, out) };
}

const makeBank = async (capacity = 8) => new DeltaBank(await loadOrtModule(), TINY, capacity);

describe("DeltaBank", () => {
  it("takes the bytes that it says", async () => {
    const ort = await loadOrtModule();
    const before = ort.residentBytes;
    const bank = new DeltaBank(ort, TINY, 8);
    expect(ort.residentBytes - before).toBe(bank.capacity * DeltaBank.bytesPerRank(TINY));
    // q, k, v, o, gate, up, down of two layers: D 32, 2 of 4 heads of 8, F 48.
    expect(DeltaBank.bytesPerRank(TINY)).toBe(2 * 4 * (64 + 48 + 48 + 64 + 80 + 80 + 80));
  });

  it("lays the factors of the deltas in use side by side", async () => {
    const bank = await makeBank();
    bank.acquire(delta("a", 2, 1));
    bank.acquire(delta("b", 3, 2));
    expect(bank.activeRank).toBe(5);
    expect(ranksOf(bank)).toEqual({ a: [1, 1, 2, 2, 2], b: [-1, -1, -2, -2, -2] });
    expect(ranksOf(bank, MODULES[3])).toEqual({ a: [0, 0, 0, 0, 0], b: [0, 0, 0, 0, 0] });
  });

  it("writes a delta once however many rows use it, and frees it with the last", async () => {
    const bank = await makeBank();
    const shared = delta("a", 2, 1);
    for (let i = 0; i < 3; i++) bank.acquire(shared);
    expect(bank.activeRank).toBe(2);
    bank.release("a");
    bank.release("a");
    expect(bank.activeRank).toBe(2);
    bank.release("a");
    expect(bank.activeRank).toBe(0);
  });

  it("moves what lies above a freed delta down, and its gains with it", async () => {
    const bank = await makeBank();
    for (const each of [delta("a", 2, 1), delta("b", 3, 2), delta("c", 1, 3)]) bank.acquire(each);
    bank.release("a");
    expect(ranksOf(bank)).toEqual({ a: [2, 2, 2, 3], b: [-2, -2, -2, -3] });
    bank.acquire(delta("d", 2, 4));
    bank.release("b");
    expect(ranksOf(bank)).toEqual({ a: [3, 4, 4], b: [-3, -4, -4] });
    const gains = new Float32Array(3).fill(9);
    bank.writeGains(gains, [{ key: "d", weight: 0.5 }]);
    expect([...gains]).toEqual([0, 0.5, 0.5]);
    bank.writeGains(gains, [
      { key: "d", weight: -1 },
      { key: "c", weight: 2 },
    ]);
    expect([...gains]).toEqual([2, -1, -1]);
    bank.writeGains(gains, []);
    expect([...gains]).toEqual([0, 0, 0]);
  });

  it("leaves nothing of a freed delta in the ranks that a smaller layer does not use", async () => {
    const bank = await makeBank();
    bank.acquire(delta("evicted", 4, 7));
    bank.release("evicted");
    bank.acquire(delta("next", 4, 1, 1));
    expect(ranksOf(bank, DOWN)).toEqual({ a: [1, 0, 0, 0], b: [-1, 0, 0, 0] });
  });

  it("says what fits, counting what is in use already once", async () => {
    const bank = await makeBank(5);
    const [a, b] = [delta("a", 3, 1), delta("b", 2, 2)];
    expect([bank.fits([a, b]), bank.fits([a, b, delta("c", 1, 3)])]).toEqual([true, false]);
    bank.acquire(a);
    expect([bank.fits([a, b]), bank.fits([b, delta("c", 1, 3)])]).toEqual([true, false]);
  });

  it("refuses what does not fit and stays as it was", async () => {
    const bank = await makeBank(5);
    bank.acquire(delta("a", 3, 1));
    expect(() => bank.acquire(delta("b", 3, 2))).toThrow(
      expect.objectContaining({
        code: "capacity_exceeded",
        message: "the delta's rank of 3 does not fit beside the 3 of 5 ranks in use",
      }),
    );
    expect(ranksOf(bank)).toEqual({ a: [1, 1, 1], b: [-1, -1, -1] });
    bank.acquire(delta("c", 2, 3));
    expect(bank.activeRank).toBe(5);
  });

  it("makes one window for each number of active ranks", async () => {
    const bank = await makeBank();
    bank.acquire(delta("a", 2, 1));
    const window = bank.window();
    expect(Object.keys(window)).toHaveLength(2 * MODULES.length);
    bank.acquire(delta("b", 1, 2));
    expect(bank.window()).not.toBe(window);
    bank.release("b");
    expect(bank.window()).toBe(window);
  });
});
