import { expect, test } from "vitest";
import { gram, matrix, product } from "../../../../shared/linalg/matrix.ts";
import { solvePositive } from "../../../../trainer/edits/solve/positive-solve.ts";
import { distance, randomMoment, randomRows } from "./golden.ts";

test("the residual told is that of what is returned", () => {
  const [a, b] = [randomMoment(30), randomRows(4, 30, "b")];
  const { x, solve } = solvePositive(a, b, "A");
  expect(distance(product(x, a), b)).toBeCloseTo(solve.residual, 20);
  expect(solve.residual).toBeLessThan(1e-13);
  expect(solve.condition).toBeGreaterThan(1e2);
  expect(solve.condition).toBeLessThan(1e6);
  expect(solve.jitter).toBe(0);
});

test("where the matrix is singular, jitter is told, and refined away where the rows allow", () => {
  const keys = randomRows(30, 10, "keys");
  const a = gram(keys);
  // In the range of A.
  const b = product(randomRows(3, 30, "rows"), a);
  const { x, solve } = solvePositive(a, b, "A");
  const mean = a.data.reduce((sum, value, index) => sum + (index % 31 === 0 ? value : 0), 0) / 30;
  expect(solve.jitter).toBeGreaterThan(0);
  expect(solve.jitter).toBeLessThanOrEqual(1.0001e-10 * mean);
  expect(solve.condition).toBeGreaterThan(1e10);
  expect(distance(product(x, a), b)).toBeLessThan(1e-12);
});

test("rows that a singular matrix cannot give leave a residual that is told", () => {
  const { solve } = solvePositive(gram(randomRows(30, 10, "keys")), randomRows(3, 30, "b"), "A");
  expect(solve.residual).toBeGreaterThan(0.1);
  expect(solve.jitter).toBeGreaterThan(0);
});

test("rows of zeros give zeros; an indefinite matrix is refused by name", () => {
  const { x, solve } = solvePositive(randomMoment(5), matrix(2, 5), "A");
  expect([...x.data, solve.residual]).toEqual(Array(11).fill(0));
  const indefinite = matrix(2, 2, Float64Array.of(0, 1, 1, 0));
  expect(() => solvePositive(indefinite, matrix(1, 2), "λC + KᵀK")).toThrow("λC + KᵀK is not positive definite");
});
