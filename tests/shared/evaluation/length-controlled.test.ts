import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { lengthControlledWinRate, preferenceOf } from "../../../shared/evaluation/length-controlled.ts";

const { regressions } = JSON.parse(
  readFileSync(new URL("../../golden/report/statistics.json", import.meta.url), "utf8"),
) as {
  readonly regressions: readonly {
    lengths: number[];
    preferences: number[];
    coefficients: number[];
    standard_errors: number[];
  }[];
};

const compared = (preferences: readonly number[], lengths: readonly number[]) =>
  preferences.map((preference, i) => ({ prompt: i, preference, lengthDifference: lengths[i]! }));

it.each(regressions)("is what statsmodels' regression says at equal lengths", (golden) => {
  const { win_rate, low, high, model, length, n, reason } = lengthControlledWinRate(
    compared(golden.preferences, golden.lengths),
  );
  const [theta, phi] = golden.coefficients as [number, number];
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
  expect(win_rate).toBeCloseTo(sigmoid(theta), 8);
  expect(low).toBeCloseTo(sigmoid(theta - 1.959963985 * golden.standard_errors[0]!), 7);
  expect(high).toBeCloseTo(sigmoid(theta + 1.959963985 * golden.standard_errors[0]!), 7);
  expect(model!.coefficient).toBeCloseTo(theta, 8);
  expect(length!.coefficient).toBeCloseTo(phi, 8);
  expect([n, reason]).toEqual([golden.lengths.length, null]);
});

it("takes off what length alone explains", () => {
  // The longer reply wins six times in seven, and the tuned model's is the longer one in most.
  const lengths = Array.from({ length: 100 }, (_, i) => (i % 5 === 0 ? -40 : 40));
  const preferences = lengths.map((length, i) => (i % 7 === 3 ? Number(length < 0) : Number(length > 0)));
  const plain = preferences.reduce((sum, one) => sum + one, 0) / 100;
  const controlled = lengthControlledWinRate(compared(preferences, lengths));
  expect(plain).toBeGreaterThan(0.6);
  expect(controlled.win_rate!).toBeLessThan(plain - 0.05);
  expect(controlled.length!.coefficient).toBeGreaterThan(1);
});

it("counts prompts, not the samples of each, and is never surer than of independent comparisons", () => {
  const lengths = [5, -2, 3, 8, -7, 1, -4, 6, 2, -3, 4, -1];
  const preferences = [1, 0, 1, 1, 1, 0, 0, 1, 0, 1, 1, 0];
  const once = lengthControlledWinRate(compared(preferences, lengths));
  const copies = [...compared(preferences, lengths), ...compared(preferences, lengths)];
  const twice = lengthControlledWinRate(copies);
  expect(twice.win_rate).toBeCloseTo(once.win_rate!, 8);
  expect(twice.n).toBe(24);
  const width = ({ low, high }: typeof once) => high! - low!;
  const independent = lengthControlledWinRate(copies.map((one, prompt) => ({ ...one, prompt })));
  expect(width(independent)).toBeLessThan(0.8 * width(once));
  expect(width(twice)).toBeGreaterThan(0.95 * width(once));
  // Each prompt has a win and a loss at the same lengths: they agree better than chance would have it.
  const agreeing = lengths.flatMap((lengthDifference, prompt) =>
    [0, 1].map((preference) => ({ prompt, preference, lengthDifference })),
  );
  expect(width(lengthControlledWinRate(agreeing))).toBeGreaterThan(
    width(lengthControlledWinRate(agreeing.map((one, prompt) => ({ ...one, prompt })))),
  );
});

it("says why there is none, and never gives NaN", () => {
  const reasons = [
    [[], []],
    [
      [1, 1, 1],
      [5, -2, 3],
    ],
    [
      [0, 0, 0],
      [5, -2, 3],
    ],
    [
      [1, 0, 1, 0],
      [7, 7, 7, 7],
    ],
    [
      [1, 1, 0, 0],
      [5, 6, -5, -6],
    ],
    [
      [1, 0],
      [5, 6],
    ],
  ].map(([preferences, lengths]) => lengthControlledWinRate(compared(preferences!, lengths!)));
  expect(reasons.map(({ reason }) => reason)).toEqual([
    expect.stringContaining("no comparisons"),
    expect.stringContaining("all 3 comparisons prefer the tuned model's reply"),
    expect.stringContaining("all 3 comparisons prefer the starting model's reply"),
    expect.stringContaining("same length everywhere"),
    expect.stringContaining("told apart without error"),
    expect.stringContaining("too few"),
  ]);
  for (const { win_rate, low, high, model, length } of reasons) {
    expect([win_rate, low, high, model, length]).toEqual([null, null, null, null, null]);
  }
});

it("is the plain rate where all replies are equally long, and even where all are ties", () => {
  const equal = lengthControlledWinRate(compared([1, 1, 1, 0], [0, 0, 0, 0]));
  expect(equal.win_rate).toBeCloseTo(0.75, 10);
  expect([equal.length, equal.reason]).toEqual([null, expect.stringContaining("equally long")]);
  expect(lengthControlledWinRate(compared([0.5, 0.5, 0.5, 0.5], [1, -2, 3, 5])).win_rate).toBeCloseTo(0.5, 10);
});

it("prefers the greater score", () => {
  expect([preferenceOf(2, 1), preferenceOf(1, 2), preferenceOf(1, 1)]).toEqual([1, 0, 0.5]);
});
