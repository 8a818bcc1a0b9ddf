import { describe, expect, test } from "vitest";
import { matrix, product } from "../../../../shared/linalg/matrix.ts";
import { momentFactor, solveRome } from "../../../../trainer/edits/solve/rome.ts";
import { distance, goldenEdits, MODELS, randomMoment, randomRows } from "./golden.ts";

describe.each(MODELS)("%s", (model) => {
  const { settings, read, delta } = goldenEdits(model);
  const secondMoment = read(`second_moment.layer${settings.rome.layer}`);

  test.each(settings.batch)("the reference's change for fact %i, as found and with scaled norm", (fact) => {
    const key = read(`rome.fact${fact}.key`).data;
    for (const [step, entry] of [
      [delta(`rome.fact${fact}`), `rome.fact${fact}.change`],
      [read(`rome.fact${fact}.nas.delta`).data, `rome.fact${fact}.nas.change`],
    ] as const) {
      const { a, b, solve } = solveRome({ secondMoment, key, delta: step });
      expect(distance(product(a, b), read(entry))).toBeLessThan(1e-11);
      expect(solve.residual).toBeLessThan(1e-12);
      expect(solve.jitter).toBe(0);
    }
  });
});

test("k*ΔW = δ, and no change with k*ΔW = δ disturbs the text's keys less", () => {
  const secondMoment = randomMoment(48);
  const key = randomRows(1, 48, "key");
  const delta = randomRows(1, 20, "delta");
  const { a, b } = solveRome({ secondMoment, key: key.data, delta: delta.data });
  expect([a.shape, b.shape]).toEqual([
    [48, 1],
    [1, 20],
  ]);
  expect(distance(product(key, product(a, b)), delta)).toBeLessThan(1e-12);
  const disturbance = (direction: typeof a) =>
    product(product(matrix(1, 48, direction.data), secondMoment), direction).data[0]!;
  const other = randomRows(48, 1, "other");
  const along = product(key, other).data[0]!;
  for (const share of [1e-3, 0.1, 1]) {
    // Still k*a = 1.
    const mixed = matrix(
      48,
      1,
      a.data.map((value, index) => (1 - share) * value + (share * other.data[index]!) / along),
    );
    expect(disturbance(mixed)).toBeGreaterThan(disturbance(a));
  }
});

test("a zero key and a second moment of too few tokens are refused", () => {
  const given = { secondMoment: randomMoment(8), key: new Float64Array(8), delta: new Float64Array(4) };
  expect(() => solveRome(given)).toThrow("the subject's key is zero");
  expect(() => solveRome({ ...given, secondMoment: matrix(8, 8), key: new Float64Array(8).fill(1) })).toThrow(
    "C, the second moment of the keys, is not positive definite",
  );
});

test("a factor that several facts share gives each what its own would", () => {
  const secondMoment = randomMoment(48);
  const factor = momentFactor(secondMoment);
  for (const name of ["one", "other"]) {
    const given = { secondMoment, key: randomRows(1, 48, name).data, delta: randomRows(1, 20, name).data };
    expect(solveRome({ ...given, factor })).toEqual(solveRome(given));
  }
});
