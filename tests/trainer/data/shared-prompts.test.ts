import { describe, expect, it } from "vitest";
import { evaluationBatches } from "../../../trainer/data/batches.ts";
import { blockLengths, blocksOf, sharedLength, sizeOf } from "../../../trainer/data/shared-prompts.ts";
import type { Unit, UnitExample } from "../../../trainer/data/units.ts";

/** An example of these ids, of which those from `from` on are trained on. */
function example(ids: number[], from: number): UnitExample {
  return { ids: Int32Array.from(ids), labels: Int32Array.from(ids.map((id, at) => (at < from ? -100 : id))) };
}

const PROMPT = [11, 12, 13, 14, 15, 16];
const pair: Unit = { examples: [example([...PROMPT, 21, 22], 6), example([...PROMPT, 31], 6)] };

describe("what a unit's examples share", () => {
  it("ends before the token that predicts the first trained one", () => {
    expect(sharedLength(pair)).toBe(5);
    expect(sharedLength({ examples: [example([...PROMPT, 21], 6), example([...PROMPT, 21, 22], 5)] })).toBe(4);
  });

  it("is what both begin with, and nothing where that is short or there is one example", () => {
    const other = (at: number) => example([...PROMPT.slice(0, at), 99, ...PROMPT.slice(at + 1), 31], 6);
    expect(sharedLength({ examples: [pair.examples[0]!, other(4)] })).toBe(4);
    expect(sharedLength({ examples: [pair.examples[0]!, other(3)] })).toBe(0);
    expect(sharedLength({ examples: [pair.examples[0]!] })).toBe(0);
  });

  it("counts with examples of which nothing is trained", () => {
    const untrained = example([...PROMPT, 21, 22], 8);
    expect(sharedLength({ examples: [untrained, example([...PROMPT, 21, 22], 8)] })).toBe(7);
  });
});

describe("blocks", () => {
  it("hold a whole unit where a row has room for it", () => {
    const size = sizeOf(pair, true);
    expect(size).toEqual({ lengths: [8, 7], shared: 5 });
    expect(blockLengths(size, 10)).toEqual([10]);
    expect(blockLengths(size, 9)).toEqual([8, 7]);
    expect(blockLengths(sizeOf(pair, false), 100)).toEqual([8, 7]);
    const single: Unit = { examples: [example([1, 2], 1)] };
    expect(blocksOf([pair, single], { tokens: 10, shares: true })).toEqual([
      [{ examples: [0, 1], shared: 5, length: 10 }],
      [{ examples: [2], shared: 0, length: 2 }],
    ]);
  });

  it("lie in a row as the shared tokens and a branch for each example", () => {
    const form = { examples: 2, columns: { reference: "token" }, sharesPrompt: true } as const;
    const units: Unit[] = [
      {
        examples: pair.examples.map((one, k) => ({
          ...one,
          columns: { reference: Float32Array.from(one.ids, (_, at) => (at < 6 ? 0 : -(10 * k + at))) },
        })),
      },
    ];
    const options = { shape: { rows: 1, tokens: 12 }, padId: 0, units: { form, capacity: 1 } };
    const [batch] = evaluationBatches(units, { ...options, packing: true });
    const row = (name: string) => Array.from(batch!.feeds[name]!.data, Number);
    expect(row("tokens")).toEqual([11, 12, 13, 14, 15, 16, 21, 22, 16, 31, 0, 0]);
    expect(row("positions")).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 5, 6, 0, 0]);
    expect(row("segments")).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0]);
    expect(row("branches")).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 0, 0]);
    expect(row("targets")).toEqual([0, 0, 0, 0, 0, 21, 22, 0, 31, 0, 0, 0]);
    expect(row("slots")).toEqual([2, 2, 2, 2, 2, 0, 0, 0, 1, 1, 2, 2]);
    expect(row("column#reference")).toEqual([0, 0, 0, 0, 0, -6, -7, 0, -16, 0, 0, 0]);
    expect(batch!.places).toEqual([
      { index: 0, start: 5, length: 3, shared: 5 },
      { index: 1, start: 8, length: 2, shared: 5 },
    ]);
    // Without packing every example keeps a row of its own.
    const unpacked = [...evaluationBatches(units, { ...options, shape: { rows: 2, tokens: 12 }, packing: false })];
    expect(unpacked[0]!.places.map(({ shared }) => shared)).toEqual([0, 0]);
  });
});
