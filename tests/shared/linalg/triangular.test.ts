import { expect, test } from "vitest";
import { matrix, product, transpose } from "../../../shared/linalg/matrix.ts";
import { solveLower, solveLowerTransposed } from "../../../shared/linalg/triangular.ts";
import { expectClose, randomMatrix } from "./property.ts";

/** Lower triangular with a diagonal of about 4. */
function lowerMatrix(size: number) {
  const lower = randomMatrix(size, size, "lower");
  for (let row = 0; row < size; row++) {
    lower.data[row * size + row] = 4 + lower.data[row * size + row]! / 4;
    lower.data.fill(0, row * size + row + 1, (row + 1) * size);
  }
  return lower;
}

test.each([1, 3, 4, 5, 9])("%i rows are solved with L and with Lᵀ", (count) => {
  const lower = lowerMatrix(11);
  const wanted = randomMatrix(count, 11, "wanted");
  for (const [solve, given] of [
    [solveLower, product(wanted, transpose(lower))],
    [solveLowerTransposed, product(wanted, lower)],
  ] as const) {
    solve(lower.data, 11, 11, { data: given.data, start: 0, stride: 11, count });
    expectClose(given, wanted, 1e-13);
  }
});

test("only the leading elements of the rows named change", () => {
  const lower = lowerMatrix(8);
  const given = randomMatrix(6, 8, "given");
  const data = Float64Array.from(given.data);
  solveLower(lower.data, 8, 5, { data, start: 8, stride: 16, count: 2 });
  for (const row of [0, 2, 4, 5]) {
    expect(data.slice(8 * row, 8 * row + 8)).toEqual(given.data.slice(8 * row, 8 * row + 8));
  }
  for (const row of [1, 3]) {
    expect(data.slice(8 * row + 5, 8 * row + 8)).toEqual(given.data.slice(8 * row + 5, 8 * row + 8));
    const leading = matrix(
      5,
      5,
      Float64Array.from({ length: 25 }, (_, i) => lower.data[8 * Math.floor(i / 5) + (i % 5)]!),
    );
    const solved = matrix(1, 5, data.slice(8 * row, 8 * row + 5));
    expectClose(product(solved, transpose(leading)), matrix(1, 5, given.data.slice(8 * row, 8 * row + 5)), 1e-13);
  }
});
