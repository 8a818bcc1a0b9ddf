import { expect, test } from "vitest";
import { matrix } from "../../../shared/linalg/matrix.ts";
import { applyRotations, createRotations } from "../../../shared/linalg/rotations.ts";
import { expectClose, randomMatrix } from "./property.ts";

test("sweeps of rotations turn rows one after another, from each sweep's first downwards", () => {
  const rows = randomMatrix(6, 70);
  const expected = matrix(6, 70, Float64Array.from(rows.data));
  const rotations = createRotations();
  for (const [from, ...angles] of [
    [4, 0.3, 1.2, -0.7],
    [2, 2.5, 0.1, 0.4],
  ] as const) {
    rotations.start(from);
    for (const [step, angle] of angles.entries()) {
      const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
      rotations.push(cosine, sine);
      for (let column = 0; column < 70; column++) {
        const [upper, lower] = [(from - step) * 70 + column, (from - step + 1) * 70 + column];
        const [x, y] = [expected.data[upper]!, expected.data[lower]!];
        expected.data[lower] = sine * x + cosine * y;
        expected.data[upper] = cosine * x - sine * y;
      }
    }
  }
  applyRotations(rotations, rows.data, 70);
  expectClose(rows, expected, 1e-15);
  const before = Float64Array.from(rows.data);
  applyRotations(rotations, rows.data, 70);
  expect(rows.data).toEqual(before);
});

test("one sweep may be longer than what is kept at once", () => {
  const rotations = createRotations();
  rotations.start(1 << 19);
  expect(rotations.isFull()).toBe(false);
  for (let index = 0; index < 1 << 19; index++) rotations.push(1, 0);
  expect(rotations.isFull()).toBe(true);
  const taken = rotations.take();
  expect([taken.length, taken.at(-3)]).toEqual([3 << 19, 1]);
  expect(rotations.isFull()).toBe(false);
});
