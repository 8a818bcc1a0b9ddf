import { describe, expect, it } from "vitest";
import { createRandom } from "../../../shared/random.ts";
import { packBestFit } from "../../../trainer/data/packing.ts";
import { type MicroBatchRows, packUnits, rowsOfLargestUnit } from "../../../trainer/data/packing-units.ts";

const shape = { rows: 3, tokens: 16 };

/** Units of one to three examples of 1 to 16 tokens. */
function randomUnits(count: number, seed: number): number[][] {
  const random = createRandom(seed, "units");
  return Array.from({ length: count }, () => Array.from({ length: 1 + random.below(3) }, () => 1 + random.below(16)));
}

const used = (batches: readonly MicroBatchRows[]) => batches.flat(2).sort((a, b) => a - b);

describe("packUnits", () => {
  it.each([true, false])("loses no example, splits no unit and overfills no row (packing: %s)", (packing) => {
    for (let seed = 0; seed < 20; seed++) {
      const units = randomUnits(25, seed);
      const lengths = units.flat();
      const unitOf = units.flatMap((examples, unit) => examples.map(() => unit));
      const batches = packUnits(units, { shape, packing });
      expect(used(batches)).toEqual(lengths.map((_, index) => index));
      const homes = batches.map((rows) => new Set(rows.flat().map((index) => unitOf[index]!)));
      expect(homes.reduce((sum, { size }) => sum + size, 0)).toBe(units.length);
      for (const rows of batches) {
        expect(rows.length).toBeLessThanOrEqual(shape.rows);
        for (const row of rows) {
          expect(row.reduce((sum, index) => sum + lengths[index]!, 0)).toBeLessThanOrEqual(shape.tokens);
          if (!packing) expect(row).toHaveLength(1);
        }
      }
    }
  });

  it("puts pairs that fit side by side into one micro-batch, and one that does not into the next", () => {
    const pairs = [
      [10, 6],
      [9, 7],
      [16, 16],
    ];
    expect(packUnits(pairs, { shape: { rows: 2, tokens: 16 }, packing: true })).toEqual([
      [[4], [5]],
      [
        [0, 1],
        [2, 3],
      ],
    ]);
    expect(packUnits(pairs.slice(0, 1), { shape: { rows: 1, tokens: 16 }, packing: true })).toEqual([[[0, 1]]]);
  });

  it("cuts the packed rows of single examples wherever a micro-batch ends", () => {
    const lengths = [9, 3, 12, 7, 4, 16, 2];
    const rows = packBestFit(lengths, 16);
    const options = { shape: { rows: 2, tokens: 16 }, packing: true };
    const units = lengths.map((length) => [length]);
    expect(packUnits(units, options)).toEqual([rows.slice(0, 2), rows.slice(2, 4)]);
    expect(packUnits([], options)).toEqual([]);
  });

  it("refuses a unit that no micro-batch holds", () => {
    expect(() =>
      packUnits(
        [
          [1, 2],
          [16, 16],
        ],
        { shape: { rows: 1, tokens: 16 }, packing: true },
      ),
    ).toThrow("a unit of 2 examples does not fit a micro-batch of 1 rows of 16 tokens");
  });
});

it("rowsOfLargestUnit is what the widest unit needs, packed or not", () => {
  const units = [[5, 5, 5], [16, 16], [1]];
  expect(rowsOfLargestUnit(units, { tokens: 16, packing: true })).toBe(2);
  expect(rowsOfLargestUnit(units, { tokens: 16, packing: false })).toBe(3);
  expect(rowsOfLargestUnit([], { tokens: 16, packing: true })).toBe(1);
});
