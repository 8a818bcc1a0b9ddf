import { describe, expect, it } from "vitest";
import { type MixtureFile, mixtureOrder, mixtureShares } from "../../../trainer/data/mixture-plan.ts";

const file = (units: number, weight = 1, maxExamples?: number): MixtureFile => ({ units, weight, maxExamples });

describe("mixtureShares", () => {
  it.each<[string, MixtureFile[], number, number[]]>([
    ["every unit once, with nothing said", [file(7), file(100), file(1)], 1, [7, 100, 1]],
    ["weights count a file more often", [file(10, 3), file(10, 0.5)], 1, [30, 5]],
    ["a limit holds a large file down", [file(1000, 1, 30), file(10)], 1, [30, 10]],
    // √900 : √100 of 1,000
    ["a temperature brings shares closer", [file(900), file(100)], 2, [750, 250]],
    ["a high one makes them all but equal", [file(9900), file(100)], 100, [5115, 4885]],
    ["no file is left out", [file(1_000_000), file(3, 0.001)], 1, [999_999, 1]],
    ["remainders go to the largest", [file(10, 0.55), file(10, 0.25), file(10, 0.2)], 1, [6, 2, 2]],
    ["one file alone", [file(5, 2)], 3, [10]],
  ])("%s", (_, files, temperature, counts) => {
    expect(mixtureShares(files, temperature)).toEqual({ counts, perEpoch: counts.reduce((a, b) => a + b) });
  });

  it("is the rate of the paper, for any files", () => {
    const files = [file(12_345), file(678, 4), file(99_999, 1, 20_000), file(10, 1)];
    const counted = [12_345, 2712, 20_000, 10];
    for (const temperature of [1, 1.5, 2, 4]) {
      const { counts, perEpoch } = mixtureShares(files, temperature);
      expect(perEpoch).toBe(35_067);
      expect(counts.reduce((a, b) => a + b)).toBe(perEpoch);
      const rates = counted.map((count) => count ** (1 / temperature));
      const all = rates.reduce((a, b) => a + b);
      for (const [at, rate] of rates.entries()) expect(counts[at]! / perEpoch).toBeCloseTo(rate / all, 4);
    }
  });
});

describe("mixtureOrder", () => {
  const files = [{ units: 6 }, { units: 4 }];

  it("goes through every file before it repeats any of it, over as many epochs as that takes", () => {
    for (const strategy of ["shuffle", "spread"] as const) {
      const order = mixtureOrder({ files, counts: [4, 6], strategy, seed: 1 });
      const seen = [0, 1, 2].flatMap((epoch) => [...order(epoch)]);
      const ofFirst = seen.filter((index) => index < 6);
      const ofSecond = seen.filter((index) => index >= 6);
      expect([ofFirst.length, ofSecond.length]).toEqual([12, 18]);
      const times = (list: number[]) => Object.values(Object.groupBy(list, String)).map((group) => group!.length);
      expect(times(ofFirst)).toEqual([2, 2, 2, 2, 2, 2]);
      expect(times(ofSecond).sort()).toEqual([4, 4, 5, 5]);
    }
  });

  it("is the same for the same seed, in any order of asking, and another for another", () => {
    const options = { files, counts: [4, 6], strategy: "shuffle" as const };
    const order = mixtureOrder({ ...options, seed: 1 });
    const [second, first] = [order(1), order(0)];
    const again = mixtureOrder({ ...options, seed: 1 });
    expect([again(0), again(1)]).toEqual([first, second]);
    expect(first).not.toEqual(second);
    expect(mixtureOrder({ ...options, seed: 2 })(0)).not.toEqual(first);
  });

  it("spreads every file evenly", () => {
    const large = [{ units: 300 }, { units: 100 }];
    const order = mixtureOrder({ files: large, counts: [300, 100], strategy: "spread", seed: 4 })(0);
    for (let at = 0; at < 400; at += 20) {
      const ofSecond = order.subarray(at, at + 20).filter((index) => index >= 300).length;
      expect(Math.abs(ofSecond - 5)).toBeLessThanOrEqual(1);
    }
    expect(new Set(order).size).toBe(400);
  });
});
