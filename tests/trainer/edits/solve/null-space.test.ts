import { describe, expect, test } from "vitest";
import { matrix, product } from "../../../../shared/linalg/matrix.ts";
import { nullSpaceProjector } from "../../../../trainer/edits/solve/null-space.ts";
import { distance, goldenEdits, randomMoment } from "./golden.ts";

describe("llama", () => {
  const { settings, read } = goldenEdits("llama");

  test.each(settings.layers)("the reference's projector of layer %i", (layer) => {
    const { projector } = nullSpaceProjector(read(`second_moment.layer${layer}`), settings.alphaedit.threshold);
    expect(distance(projector, read(`projector.layer${layer}`))).toBeLessThan(1e-11);
  });
});

const secondMoment = randomMoment(60);
const threshold = 1e-2;
const { projector, dimension, eigenvalues } = nullSpaceProjector(secondMoment, threshold);

test("P² = P = Pᵀ, with as many dimensions as eigenvalues below the threshold", () => {
  expect(distance(product(projector, projector), projector)).toBeLessThan(1e-13);
  let trace = 0;
  for (let row = 0; row < 60; row++) {
    trace += projector.data[row * 60 + row]!;
    for (let column = 0; column < row; column++) {
      expect(projector.data[row * 60 + column]).toBe(projector.data[column * 60 + row]);
    }
  }
  expect(trace).toBeCloseTo(dimension, 10);
  expect(eigenvalues.filter((value) => value < threshold).length).toBe(dimension);
  expect(dimension).toBeGreaterThan(5);
  expect(dimension).toBeLessThan(55);
});

test("PC is at most the threshold, and 0 for the keys of a text that uses fewer directions than there are", () => {
  const squares = Math.hypot(...product(projector, secondMoment).data) ** 2;
  expect(squares).toBeLessThan(dimension * threshold ** 2);
  const few = matrix(6, 6, Float64Array.of(...[2, 0, 1].flatMap((_, i) => row(i, 2)), ...Array(18).fill(0)));
  const found = nullSpaceProjector(few, 1e-9);
  expect(found.dimension).toBe(3);
  expect(Math.hypot(...product(found.projector, few).data)).toBeLessThan(1e-14);
});

const row = (at: number, value: number) => Array.from({ length: 6 }, (_, column) => (column === at ? value : 0));

test("a threshold above every eigenvalue leaves everything, one below them all is refused", () => {
  expect(nullSpaceProjector(secondMoment, 1e9).dimension).toBe(60);
  expect(() => nullSpaceProjector(secondMoment, 1e-9)).toThrow(
    expect.objectContaining({
      code: "invalid_request",
      message: expect.stringContaining("no eigenvalue of the keys' second moment is below the threshold 1e-9"),
    }),
  );
});

test("a share of the directions is those with the smallest eigenvalues", () => {
  const found = nullSpaceProjector(secondMoment, { share: 0.3 });
  expect(found.dimension).toBe(18);
  expect(distance(found.projector, nullSpaceProjector(secondMoment, found.eigenvalues[18]!).projector)).toBe(0);
});
