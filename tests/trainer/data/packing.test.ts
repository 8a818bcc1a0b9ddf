import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createRandom } from "../../../shared/random.ts";
import { packBestFit, unpacked } from "../../../trainer/data/packing.ts";

const golden = JSON.parse(readFileSync(new URL("../../golden/packing/bfd.json", import.meta.url), "utf8")) as {
  cases: { capacity: number; lengths: number[]; rows: number[][] }[];
};

describe("packBestFit", () => {
  test.each(golden.cases)(
    "equals trl for $lengths.length sequences in rows of $capacity",
    ({ capacity, lengths, rows }) => {
      expect(packBestFit(lengths, capacity).map((row) => row.map((index) => lengths[index]))).toEqual(rows);
    },
  );

  test("every sequence is in exactly one row and no row is over its capacity", () => {
    const random = createRandom(3);
    for (let round = 0; round < 50; round++) {
      const capacity = 1 + random.below(64);
      const lengths = Array.from({ length: random.below(200) }, () => 1 + random.below(capacity));
      const rows = packBestFit(lengths, capacity);
      expect(rows.flat().sort((a, b) => a - b)).toEqual(lengths.map((_, index) => index));
      const filled = rows.map((row) => row.reduce((sum, index) => sum + lengths[index]!, 0));
      expect(Math.max(0, ...filled)).toBeLessThanOrEqual(capacity);
      // Any fit: at most one row is half empty or more.
      expect(filled.filter((sum) => sum * 2 <= capacity).length).toBeLessThanOrEqual(1);
    }
  });

  test("nothing gives nothing", () => {
    expect(packBestFit([], 8)).toEqual([]);
    expect(unpacked([3, 4])).toEqual([[0], [1]]);
  });
});
