import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { fitLogistic, type LogisticFit } from "../../../shared/evaluation/logistic.ts";

const { regressions, clustered_regressions: clustered } = JSON.parse(
  readFileSync(new URL("../../golden/report/statistics.json", import.meta.url), "utf8"),
) as {
  readonly clustered_regressions: readonly {
    lengths: number[];
    preferences: number[];
    clusters: number[];
    coefficients: number[];
    standard_errors: number[];
  }[];
  readonly regressions: readonly {
    lengths: number[];
    preferences: number[];
    coefficients: number[];
    standard_errors: number[];
  }[];
};

const spreadOf = (values: readonly number[]) => {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
};

it.each(regressions)("has the coefficients and standard errors of statsmodels", (golden) => {
  const spread = spreadOf(golden.lengths);
  const rows = golden.lengths.map((length) => [1, Math.tanh(length / spread)]);
  const fit = fitLogistic(rows, golden.preferences) as LogisticFit;
  for (const i of [0, 1]) {
    expect(fit.coefficients[i]).toBeCloseTo(golden.coefficients[i]!, 8);
    expect(fit.standardErrors[i]).toBeCloseTo(golden.standard_errors[i]!, 7);
  }
});

it.each(clustered)("has the clustered standard errors of statsmodels", (golden) => {
  const spread = spreadOf(golden.lengths);
  const rows = golden.lengths.map((length) => [1, Math.tanh(length / spread)]);
  const fit = fitLogistic(rows, golden.preferences, golden.clusters) as LogisticFit;
  for (const i of [0, 1]) {
    expect(fit.coefficients[i]).toBeCloseTo(golden.coefficients[i]!, 8);
    expect(fit.clusteredErrors![i]).toBeCloseTo(golden.standard_errors[i]!, 7);
  }
  expect(fitLogistic(rows, golden.preferences)).not.toHaveProperty("clusteredErrors");
  const few = golden.clusters.map((cluster) => cluster % 2);
  expect(fitLogistic(rows, golden.preferences, few)).toEqual({
    reason: "comparisons on 2 prompts are too few for 2 coefficients",
  });
});

it("is the logit of the share with an intercept alone", () => {
  const fit = fitLogistic([[1], [1], [1], [1]], [1, 1, 1, 0]) as LogisticFit;
  expect(fit.coefficients[0]).toBeCloseTo(Math.log(3), 10);
  // 1 / (n p (1 − p))
  expect(fit.standardErrors[0]).toBeCloseTo(Math.sqrt(1 / (4 * 0.75 * 0.25)), 10);
});

it("gives a reason, never NaN, where the likelihood has no maximum", () => {
  const line = [-3, -2, -1, 1, 2, 3].map((x) => [1, x]);
  const reason = (rows: number[][], targets: number[]) => {
    const fit = fitLogistic(rows, targets);
    return "reason" in fit ? fit.reason : "fitted";
  };
  expect(reason(line, [0, 0, 0, 1, 1, 1])).toContain("told apart without error");
  expect(reason(line, [1, 1, 1, 1, 1, 1])).toContain("told apart without error");
  // Separated but for ties at one point: quasi-complete separation.
  expect(
    reason(
      [-1, -1, 0, 0, 1, 1].map((x) => [1, x]),
      [0, 0, 0, 1, 1, 1],
    ),
  ).toContain("told apart without error");
  expect(
    reason(
      [1, 1, 1, 1].map((x) => [1, x]),
      [1, 0, 1, 0],
    ),
  ).toContain("say the same");
  expect(reason([[1, 0]], [1])).toContain("too few");
  expect(reason([], [])).toContain("too few");
});

it("finds the maximum from any data that has one: the gradient is 0 there", () => {
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  for (let trial = 0; trial < 200; trial++) {
    const n = 6 + Math.floor(30 * random());
    const rows = Array.from({ length: n }, () => [1, 100 * (random() - 0.5)]);
    const targets = rows.map(() => [0, 0.5, 1][Math.floor(3 * random())]!);
    const fit = fitLogistic(rows, targets);
    if ("reason" in fit) continue;
    for (const k of [0, 1]) {
      const gradient = rows.reduce((sum, row, i) => {
        const eta = row[0]! * fit.coefficients[0]! + row[1]! * fit.coefficients[1]!;
        return sum + (targets[i]! - 1 / (1 + Math.exp(-eta))) * row[k]!;
      }, 0);
      expect(Math.abs(gradient)).toBeLessThan(1e-6);
    }
    expect(fit.standardErrors.every((error) => Number.isFinite(error) && error > 0)).toBe(true);
  }
});
