import { describe, expect, test } from "vitest";
import { gram, matrix, product, transpose } from "../../../../shared/linalg/matrix.ts";
import { solveAlphaEdit } from "../../../../trainer/edits/solve/alphaedit.ts";
import { nullSpaceProjector } from "../../../../trainer/edits/solve/null-space.ts";
import { distance, goldenEdits, randomMoment, randomRows } from "./golden.ts";

describe("llama", () => {
  const { settings, read } = goldenEdits("llama");
  const { lambda, threshold } = settings.alphaedit;

  test.each(settings.layers)("the reference's changes of layer %i, in sequence and with scaled norms", (layer) => {
    const { projector } = nullSpaceProjector(read(`second_moment.layer${layer}`), threshold);
    const earlier = gram(transpose(read(`alphaedit.earlier.layer${layer}.keys`)));
    for (const [edit, previous] of [
      ["alphaedit.earlier", matrix(32, 32)],
      ["alphaedit.later", earlier],
      ["nas", earlier],
    ] as const) {
      const [keys, residuals] = [read(`${edit}.layer${layer}.keys`), read(`${edit}.layer${layer}.residuals`)];
      const { a, b, solve } = solveAlphaEdit({ projector, keys, residuals, previous, lambda });
      expect(distance(product(a, b), read(`${edit}.layer${layer}.change`))).toBeLessThan(1e-11);
      expect(solve.residual).toBeLessThan(1e-12);
    }
  });
});

const [SIZE, COUNT] = [40, 4];
const secondMoment = randomMoment(SIZE);
const { projector, dimension, eigenvalues } = nullSpaceProjector(secondMoment, 2e-2);
const keys = randomRows(COUNT, SIZE, "keys");
const residuals = randomRows(COUNT, 12, "residuals");
const nothing = matrix(SIZE, SIZE);

test("outputs outside of the null space stay, and keys in it get their residuals as λ → 0", () => {
  expect(dimension).toBeGreaterThan(COUNT);
  const { a, b } = solveAlphaEdit({ projector, keys, residuals, previous: nothing, lambda: 1e-8 });
  const change = product(a, b);
  expect(distance(product(projector, change), change)).toBeLessThan(1e-10);
  expect(distance(product(keys, change), residuals)).toBeLessThan(1e-5);
  const text = product(transpose(change), product(secondMoment, change));
  const squares = (of: typeof change) => of.data.reduce((sum, value) => sum + value * value, 0);
  // tr(ΔWᵀCΔW), the mean square by which the text's outputs move, is at most the threshold times ‖ΔW‖².
  let moved = 0;
  for (let row = 0; row < 12; row++) moved += text.data[row * 12 + row]!;
  expect(moved).toBeLessThan(eigenvalues[dimension - 1]! * squares(change) * (1 + 1e-9));
});

test("outputs at earlier edits' keys are held against this one's", () => {
  const earlier = randomRows(6, SIZE, "earlier");
  const moved = [nothing, gram(transpose(earlier))].map((previous) => {
    const { a, b } = solveAlphaEdit({ projector, keys, residuals, previous, lambda: 1e-6 });
    const change = product(a, b);
    return [Math.hypot(...product(earlier, change).data), distance(product(keys, change), residuals)];
  });
  expect(moved[1]![0]).toBeLessThan(1e-4 * moved[0]![0]!);
  expect(moved[1]![1]).toBeLessThan(1e-4);
});

test("one batch and its facts one after another reach the same residuals as λ → 0", () => {
  const lambda = 1e-9;
  const together = solveAlphaEdit({ projector, keys, residuals, previous: nothing, lambda });
  const previous = matrix(SIZE, SIZE);
  const sum = matrix(SIZE, 12);
  for (let fact = 0; fact < COUNT; fact++) {
    const key = matrix(1, SIZE, keys.data.slice(fact * SIZE, (fact + 1) * SIZE));
    const now = product(key, sum).data;
    const left = matrix(
      1,
      12,
      now.map((value, index) => residuals.data[fact * 12 + index]! - value),
    );
    const { a, b } = solveAlphaEdit({ projector, keys: key, residuals: left, previous, lambda });
    for (const [index, value] of product(a, b).data.entries()) sum.data[index]! += value;
    for (const [index, value] of gram(transpose(key)).data.entries()) previous.data[index]! += value;
  }
  expect(distance(sum, product(together.a, together.b))).toBeLessThan(1e-4);
});

test("the form of n × n and that of in × in are the same change", () => {
  const small = solveAlphaEdit({ projector, keys, residuals, previous: nothing, lambda: 0.1 });
  // A C_prev outside of the null space takes the other way and holds nothing.
  const outside = matrix(SIZE, SIZE);
  for (let row = 0; row < SIZE; row++) outside.data[row * SIZE + row] = 1;
  const complement = matrix(
    SIZE,
    SIZE,
    outside.data.map((value, index) => value - projector.data[index]!),
  );
  const large = solveAlphaEdit({ projector, keys, residuals, previous: complement, lambda: 0.1 });
  expect(distance(product(large.a, large.b), product(small.a, small.b))).toBeLessThan(1e-12);
  expect(large.solve.condition).toBeGreaterThan(0.3 * small.solve.condition);
});

test.each([0, -1, Number.NaN])("λ = %d is refused", (lambda) => {
  expect(() => solveAlphaEdit({ projector, keys, residuals, previous: nothing, lambda })).toThrow("λ above 0");
});
