import { describe, expect, test } from "vitest";
import { matrix, product, transpose } from "../../../../shared/linalg/matrix.ts";
import { svd } from "../../../../shared/linalg/svd.ts";
import { solveMemit } from "../../../../trainer/edits/solve/memit.ts";
import { distance, goldenEdits, MODELS, randomMoment, randomRows } from "./golden.ts";

describe.each(MODELS)("%s", (model) => {
  const { settings, read } = goldenEdits(model);

  test.each(settings.layers)("the reference's change of layer %i", (layer) => {
    const { a, b, solve } = solveMemit({
      secondMoment: read(`second_moment.layer${layer}`),
      keys: read(`memit.layer${layer}.keys`),
      residuals: read(`memit.layer${layer}.residuals`),
      lambda: settings.memit.lambda,
    });
    expect(distance(product(a, b), read(`memit.layer${layer}.change`))).toBeLessThan(1e-11);
    expect(solve.residual).toBeLessThan(1e-12);
    expect(solve.condition).toBeGreaterThan(10);
  });
});

test("the change has the rank of the keys", () => {
  const keys = randomRows(5, 40, "keys");
  const { a, b } = solveMemit({
    secondMoment: randomMoment(40),
    keys,
    residuals: randomRows(5, 16, "residuals"),
    lambda: 10,
  });
  const { s } = svd(product(a, b));
  expect(s[4]! / s[0]!).toBeGreaterThan(1e-6);
  expect(s[5]! / s[0]!).toBeLessThan(1e-14);
});

test("λ → 0 gives the residuals exactly, and a larger λ less of them", () => {
  const [keys, residuals] = [randomRows(5, 40, "keys"), randomRows(5, 16, "residuals")];
  const off = [1e-8, 1e-4, 1, 1e5].map((lambda) => {
    const { a, b } = solveMemit({ secondMoment: randomMoment(40), keys, residuals, lambda });
    return distance(product(keys, product(a, b)), residuals);
  });
  expect(off[0]).toBeLessThan(1e-8);
  expect(off).toEqual([...off].sort((left, right) => left - right));
  expect(off[3]).toBeGreaterThan(0.5);
});

test("more keys than inputs are a least-squares fit", () => {
  const [keys, residuals] = [randomRows(60, 24, "keys"), randomRows(60, 8, "residuals")];
  const { a, b } = solveMemit({ secondMoment: randomMoment(24), keys, residuals, lambda: 1e-12 });
  expect([a.shape, b.shape]).toEqual([
    [24, 60],
    [60, 8],
  ]);
  const fitted = product(keys, product(a, b));
  const rest = matrix(
    60,
    8,
    residuals.data.map((value, index) => value - fitted.data[index]!),
  );
  // What is left is orthogonal to the keys.
  expect(Math.hypot(...product(transpose(keys), rest).data)).toBeLessThan(1e-10 * Math.hypot(...rest.data));
});

test.each([0, -1, Number.NaN])("λ = %d is refused", (lambda) => {
  const given = { secondMoment: randomMoment(24), keys: randomRows(5, 24), residuals: randomRows(5, 8), lambda };
  expect(() => solveMemit(given)).toThrow("MEMIT needs λ above 0");
});
