import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { accuracy, agreementOf, pairAgreement } from "../../../shared/agreement/agreement.ts";
import { cohenKappa, KAPPA_WEIGHTS, placesOf } from "../../../shared/agreement/cohen-kappa.ts";
import { fleissKappa } from "../../../shared/agreement/fleiss-kappa.ts";
import { krippendorffAlpha, LEVELS } from "../../../shared/agreement/krippendorff-alpha.ts";
import { categoriesOf, LabelTable } from "../../../shared/agreement/label-table.ts";
import { proportion } from "../../../shared/agreement/proportion.ts";
import { rankSum } from "../../../shared/agreement/rank-sum.ts";
import type { Statistic } from "../../../shared/agreement/statistic.ts";
import { createRandom } from "../../../shared/random.ts";

interface Golden {
  readonly cases: readonly {
    readonly name: string;
    readonly rows: readonly (readonly (number | null)[])[];
    readonly pairs: readonly { raters: [number, number]; none: number; linear: number; quadratic: number }[];
    readonly alpha: Readonly<Record<string, number | null>>;
    readonly fleiss: number | null;
    readonly whole: boolean;
  }[];
  readonly wilson: readonly { hits: number; n: number; low: number; high: number }[];
  readonly areas: readonly { positives: number[]; negatives: number[]; area: number; error: number }[];
}

const golden = JSON.parse(
  readFileSync(new URL("../../golden/agreement/agreement.json", import.meta.url), "utf8"),
) as Golden;

const tableOf = (rows: readonly (readonly (number | string | null)[])[]) =>
  new LabelTable(
    rows.flatMap((row, rater) => row.map((label, unit) => ({ unit: `${unit}`, rater: `${rater}`, label }))),
  );

function expectValue({ value, reason }: Statistic, reference: number | null, what: string): void {
  if (reference === null) {
    expect(value, what).toBeNull();
    expect(reason, what).toMatch(/\w/);
  } else expect(value, what).toBeCloseTo(reference, 12);
}

describe.each(golden.cases.map((one) => [one.name, one] as const))(
  "the table %s",
  (_, { rows, pairs, alpha, ...one }) => {
    const table = tableOf(rows);

    it("has the reference's Krippendorff α", () => {
      for (const level of LEVELS) expectValue(krippendorffAlpha(table, level), alpha[level]!, level);
    });

    it("has the reference's Cohen κ of every pair", () => {
      const labels = categoriesOf(rows.flat().filter((label) => label !== null));
      for (const { raters, none, linear, quadratic } of pairs) {
        const [a, b] = raters.map(String) as [string, string];
        const found = pairAgreement(table, [a, b], placesOf(labels));
        const what = `${a} and ${b}`;
        expectValue(found.cohen, none, what);
        expectValue(found.cohen_linear!, linear, `linear, ${what}`);
        expectValue(found.cohen_quadratic!, quadratic, `quadratic, ${what}`);
      }
    });

    if (one.whole) {
      it("has the reference's Fleiss κ", () => {
        expectValue(fleissKappa(table), one.fleiss, "fleiss");
      });
    }

    it("has no statistic that is not a number, and none that depends on the order of units and raters", () => {
      const all = agreementOf(table, true);
      expect(JSON.parse(JSON.stringify(all))).toEqual(all);
      const turned = agreementOf(tableOf(rows.map((row) => [...row].reverse()).reverse()), true);
      for (const level of LEVELS) {
        const [here, there] = [all.krippendorff[level]!.value, turned.krippendorff[level]!.value];
        if (here === null) expect(there).toBeNull();
        else expect(there).toBeCloseTo(here, 12);
      }
      expect(turned.percent).toEqual(all.percent);
    });
  },
);

it("the interval of a share is Wilson's", () => {
  for (const { hits, n, low, high } of golden.wilson) {
    const { interval, value } = proportion(hits, n);
    expect(value).toBe(hits / n);
    expect(interval![0]).toBeCloseTo(low, 12);
    expect(interval![1]).toBeCloseTo(high, 12);
  }
  expect(proportion(0, 0)).toMatchObject({ value: null, n: 0, interval: null, reason: expect.any(String) });
});

it("the area under a curve is scikit-learn's, with DeLong's error", () => {
  for (const { positives, negatives, area, error } of golden.areas) {
    const { value, interval } = rankSum(positives, negatives);
    expect(value).toBeCloseTo(area, 12);
    const half = 1.959963984540054 * error;
    expect(interval![0]).toBeCloseTo(Math.max(0, area - half), 12);
    expect(interval![1]).toBeCloseTo(Math.min(1, area + half), 12);
  }
  expect(rankSum([], [1])).toMatchObject({ value: null, reason: expect.any(String) });
  expect(rankSum([1], [0])).toMatchObject({ value: 1, interval: null });
});

describe("Fleiss' κ of units with unequal numbers of labels", () => {
  it("is that of the units with the number that has the most labels", () => {
    const pairs = [
      ["a", "a", "b", "b"],
      ["a", "b", "b", "b"],
    ];
    const alone = fleissKappa(tableOf(pairs));
    const mixed = tableOf([
      [...pairs[0]!, "a", null],
      [...pairs[1]!, "a", "b"],
      [null, null, null, null, "b", null],
    ]);
    expect(fleissKappa(mixed)).toEqual({ ...alone, n: 4 });
  });
});

it("labels are counted, and of two labels of one rater the later", () => {
  const table = new LabelTable([
    { unit: "u", rater: "a", label: "x" },
    { unit: "u", rater: "b", label: "y" },
    { unit: "u", rater: "a", label: "y" },
    { unit: "v", rater: "a", label: null },
  ]);
  expect(agreementOf(table, false)).toMatchObject({ raters: 2, units: 1, labels: 2, percent: { value: 1, n: 1 } });
  expect(agreementOf(table, false).krippendorff).not.toHaveProperty("interval");
});

it("refuses what has no meaning", () => {
  expect(krippendorffAlpha(tableOf([["a"], ["b"]]), "interval").reason).toContain("numbers");
  expect(cohenKappa(["a"], ["b"], { places: placesOf(["a"]) }).reason).toContain("none of the categories");
});

it("accuracy counts labels that are right", () => {
  expect(
    accuracy([
      ["a", "a"],
      ["b", "a"],
      [1, 1],
      [2, 2],
    ]),
  ).toMatchObject({ value: 0.75, n: 4 });
  expect(accuracy([])).toMatchObject({ value: null, n: 0 });
});

describe("without looking at every pair", () => {
  const random = createRandom(11, "agreement");
  /** Labels of three raters for each unit, some of them missing; `kinds` of them, unevenly far apart. */
  const rowsOf = (units: number, kinds: number) =>
    ["a", "b", "c"].map(() =>
      Array.from({ length: units }, () => (random.float() < 0.2 ? null : random.below(kinds) ** 2 / 7)),
    );

  it("Cohen's κ is what its table of categories gives", () => {
    for (let round = 0; round < 40; round++) {
      const rows = rowsOf(30, 1 + random.below(8));
      const table = tableOf(rows);
      const [first, second] = table.common("0", "1") as [number[], number[]];
      const categories = categoriesOf(rows.flat().filter((label) => label !== null));
      for (const weights of KAPPA_WEIGHTS) {
        const distance = (a: number, b: number) => {
          const apart = Math.abs(categories.indexOf(a) - categories.indexOf(b));
          return weights === "none" ? Math.min(apart, 1) : weights === "linear" ? apart : apart ** 2;
        };
        const observed = first.reduce((sum, label, unit) => sum + distance(label, second[unit]!), 0);
        const expected = first.flatMap((a) => second.map((b) => distance(a, b))).reduce((sum, one) => sum + one, 0);
        const { value } = cohenKappa(first, second, { weights, places: placesOf(categories) });
        if (expected === 0) expect(value).toBeNull();
        else expect(value, weights).toBeCloseTo(1 - (observed * first.length) / expected, 12);
      }
    }
  });

  it("Krippendorff's α is what all pairs of labels give", () => {
    for (let round = 0; round < 40; round++) {
      const table = tableOf(rowsOf(20, 2 + random.below(8)));
      const paired = table.units.filter((said) => said.size > 1).map((said) => [...said.values()] as number[]);
      const all = paired.flat();
      const middle = (label: number) =>
        all.filter((one) => one < label).length + all.filter((one) => one === label).length / 2;
      for (const level of LEVELS) {
        const distance = (a: number, b: number) =>
          level === "nominal" ? Number(a !== b) : level === "interval" ? (a - b) ** 2 : (middle(a) - middle(b)) ** 2;
        const within = (labels: readonly number[]) =>
          labels.flatMap((a) => labels.map((b) => distance(a, b))).reduce((sum, one) => sum + one, 0);
        const observed = paired.reduce((sum, labels) => sum + within(labels) / (labels.length - 1), 0);
        const { value } = krippendorffAlpha(table, level);
        if (within(all) === 0) expect(value).toBeNull();
        else expect(value, level).toBeCloseTo(1 - ((all.length - 1) * observed) / within(all), 12);
      }
    }
  });

  it("tens of thousands of labels take seconds, all different, of one unit, or of as many raters", () => {
    const many = 30_000;
    const numbers = Array.from({ length: many }, (_, at) => at / 3);
    const different = agreementOf(tableOf([numbers, numbers.map((one) => one + 0.25)]), true);
    expect(different.krippendorff.interval!.value).toBeGreaterThan(0.99);
    expect(different.pairs[0]!.cohen_quadratic!.value).toBeGreaterThan(0.99);
    expect(different.pairs[0]!.cohen.value).toBe(0);
    const ofOne = numbers.map((label, at) => ({ unit: "u", rater: `${at}`, label: label % 2 }));
    expect(agreementOf(new LabelTable(ofOne), true)).toMatchObject({
      raters: many,
      percent: { n: (many * (many - 1)) / 2 },
    });
    const each = numbers.map((label, at) => ({ unit: `${at >> 1}`, rater: `${at}`, label }));
    expect(agreementOf(new LabelTable(each), true).pairs).toHaveLength(1000);
  });

  it("numbers that are large or close together lose no digits", () => {
    const near = [1e9 + 1, 1e9 + 2, 1e9 + 3, 1e9 + 4];
    const small = tableOf([
      [1, 2, 3, 4],
      [1, 2, 4, 4],
    ]);
    const large = tableOf([near, [near[0]!, near[1]!, near[3]!, near[3]!]]);
    const value = krippendorffAlpha(small, "interval").value!;
    expect(krippendorffAlpha(large, "interval").value).toBeCloseTo(value, 12);
    const huge = [
      [1e300, -1e300],
      [1e300, 1e300],
    ];
    expect(krippendorffAlpha(tableOf(huge), "interval")).toMatchObject({
      value: null,
      reason: expect.stringContaining("too large"),
    });
  });
});
