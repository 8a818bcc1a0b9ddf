import { describe, expect, test } from "vitest";
import { bandShape, writeBands } from "../../../../../shared/data/inspect/near/bands.ts";
import { createRandom } from "../../../../../shared/random.ts";

describe("bandShape", () => {
  test("finds at least 98 of 100 pairs at the threshold, with as few candidates as that allows", () => {
    for (const similarity of [0.5, 0.6, 0.7, 0.8, 0.9, 1]) {
      const { bands, rows } = bandShape(similarity);
      expect(bands * rows).toBeLessThanOrEqual(128);
      expect(1 - (1 - similarity ** rows) ** bands).toBeGreaterThanOrEqual(0.98);
    }
    expect(bandShape(0.7)).toEqual({ bands: 25, rows: 5 });
    expect(bandShape(0.9).rows).toBeGreaterThan(bandShape(0.5).rows);
  });
});

describe("writeBands", () => {
  test("makes two sets share bands as often as theory says", () => {
    const shape = { bands: 128, rows: 1 };
    const random = createRandom(3, "sets");
    let shared = 0;
    const trials = 100;
    for (let trial = 0; trial < trials; trial++) {
      const all = Uint32Array.from({ length: 150 }, () => random.uint32());
      const keys = new Uint32Array(256);
      // Two sets of 100 that have 50 of 150 in common.
      writeBands(all.subarray(0, 100), shape, keys, 0);
      writeBands(all.subarray(50), shape, keys, 128);
      for (let band = 0; band < 128; band++) if (keys[band] === keys[128 + band]) shared += 1;
    }
    expect(shared / (128 * trials)).toBeCloseTo(1 / 3, 1.6);
  });
});
