import { describe, expect, it } from "vitest";
import { createRandom } from "../../../../shared/random.ts";
import type { Unit, UnitExample } from "../../../../trainer/data/units.ts";
import { calibrate, judgedPairs } from "../../../../trainer/recipes/reward-model/calibrate.ts";

/** An example of two tokens of prompt and some that are trained. */
const example = (trained: number): UnitExample => ({
  ids: new Int32Array(2 + trained),
  labels: Int32Array.from({ length: 2 + trained }, (_, at) => (at < 2 ? -100 : 1)),
});
const side = (reward: number, length: number) => ({ reward, length });

describe("the pairs that are judged", () => {
  it("are every two completions of a ranking, the better one first, with their lengths", () => {
    const units: Unit[] = [{ examples: [3, 5, 4].map(example) }, { examples: [1, 2].map(example) }];
    const rewards = [
      [0.1, 0.2, 0.3],
      [9, 8],
    ];
    expect(judgedPairs(units, rewards, { goal: "ranking", seed: 1 })).toEqual([
      { better: side(0.1, 3), worse: side(0.2, 5) },
      { better: side(0.1, 3), worse: side(0.3, 4) },
      { better: side(0.2, 5), worse: side(0.3, 4) },
      { better: side(9, 1), worse: side(8, 2) },
    ]);
  });

  it("are completions of one prompt that are rated differently, and others where those are few", () => {
    const rated = (rating: number, prompt: number): Unit => ({ examples: [example(2)], columns: { rating, prompt } });
    const many = Array.from({ length: 16 }, (_, p) => [rated(1, p), rated(3, p)]).flat();
    const rewards = many.map(({ columns }) => [columns!.rating!]);
    const pairs = judgedPairs([...many, rated(3, 0)], [...rewards, [3]], { goal: "rating", seed: 1 });
    // The third of the first prompt ties with one of its two.
    expect(pairs).toHaveLength(17);
    const few = [rated(1, 0), rated(2, 1), rated(3, 2)];
    const drawn = judgedPairs(few, [[1], [2], [3]], { goal: "rating", seed: 1 });
    expect(drawn.map(({ better, worse }) => [better.reward, worse.reward])).toEqual([
      [3, 2],
      [3, 1],
      [2, 1],
    ]);
    for (const { better, worse } of [...pairs, ...drawn]) expect(better.reward).toBeGreaterThan(worse.reward);
    expect(judgedPairs([rated(1, 0)], [[1]], { goal: "rating", seed: 1 })).toEqual([]);
  });
});

describe("many pairs", () => {
  const distinct = (pairs: ReturnType<typeof judgedPairs>) =>
    new Set(pairs.map(({ better, worse }) => `${better.reward} ${worse.reward}`)).size;

  it("are at most ten thousand, drawn by the seed", () => {
    const rated = (rating: number, prompt: number): Unit => ({ examples: [example(2)], columns: { rating, prompt } });
    // Of one prompt, of many, and in long rankings.
    const one = Array.from({ length: 3000 }, (_, i) => rated(i, 0));
    const apart = Array.from({ length: 3000 }, (_, i) => rated(i, i));
    for (const units of [one, apart]) {
      const rewards = units.map((_, i) => [i]);
      const pairs = judgedPairs(units, rewards, { goal: "rating", seed: 1 });
      expect([pairs.length, distinct(pairs)]).toEqual([10_000, 10_000]);
      expect(pairs.every(({ better, worse }) => better.reward > worse.reward)).toBe(true);
      expect(judgedPairs(units, rewards, { goal: "rating", seed: 1 })).toEqual(pairs);
      expect(judgedPairs(units, rewards, { goal: "rating", seed: 2 })).not.toEqual(pairs);
    }
    const ranked = Array.from(
      { length: 500 },
      (): Unit => ({ examples: Array.from({ length: 16 }, () => example(1)) }),
    );
    const order = ranked.map((_, u) => Array.from({ length: 16 }, (_place, k) => 100 * u - k));
    const pairs = judgedPairs(ranked, order, { goal: "ranking", seed: 1 });
    expect([pairs.length, distinct(pairs)]).toEqual([10_000, 10_000]);
    expect(pairs.every(({ better, worse }) => better.reward > worse.reward)).toBe(true);
  });
});

describe("the calibration", () => {
  it("finds the temperature by which rewards are too sure", () => {
    const random = createRandom(2, "rewards");
    // Preferences drawn with a probability of σ(d), from a model that says 4 d.
    const pairs = Array.from({ length: 4000 }, () => {
      const d = 2 * random.normal();
      const isRight = random.float() < 1 / (1 + Math.exp(-d));
      const [better, worse] = isRight ? [4 * d, 0] : [0, 4 * d];
      return { better: side(better, 5), worse: side(worse, 5) };
    });
    const found = calibrate(pairs)!;
    expect(found.temperature).toBeGreaterThan(3.6);
    expect(found.temperature).toBeLessThan(4.4);
    expect(found.ece).toBeLessThan(0.03);
    expect(found.ece_before).toBeGreaterThan(0.1);
    expect(found.nll).toBeLessThan(found.nll_before);
    expect(found.length_accuracy).toBe(0.5);
    for (const bins of [found.reliability, found.reliability_before]) {
      expect(bins.reduce((sum, { count }) => sum + count, 0)).toBe(4000);
      for (const { from, to, count, confidence } of bins) {
        if (count > 0) expect(confidence >= from && confidence <= to).toBe(true);
      }
      const right = bins.reduce((sum, { count, accuracy }) => sum + count * accuracy, 0);
      expect(right / 4000).toBeCloseTo(found.accuracy, 2);
    }
    const gap = found.reliability.reduce((sum, bin) => sum + bin.count * Math.abs(bin.confidence - bin.accuracy), 0);
    expect(gap / 4000).toBeCloseTo(found.ece, 12);
  });

  it("counts how often the greater reward and the longer text are the better one", () => {
    const pairs = [
      { better: side(2, 3), worse: side(1, 2) },
      { better: side(1, 3), worse: side(1, 3) },
      { better: side(0, 1), worse: side(1, 2) },
      { better: side(5, 1), worse: side(1, 9) },
    ];
    expect(calibrate(pairs)).toMatchObject({ pairs: 4, accuracy: 2.5 / 4, length_accuracy: 1.5 / 4 });
    expect(calibrate([])).toBeUndefined();
  });
});
