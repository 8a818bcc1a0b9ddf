import { describe, expect, it } from "vitest";
import { leadingSvd } from "../../../shared/linalg/leading-svd.ts";
import { type DenseMatrix, gram, leading, matrix, product, transpose } from "../../../shared/linalg/matrix.ts";
import { type Svd, svd } from "../../../shared/linalg/svd.ts";
import { createRandom } from "../../../shared/random.ts";

const random = () => createRandom(2, "start");

function drawn(rows: number, columns: number): DenseMatrix {
  const numbers = createRandom(1, rows, columns);
  return matrix(
    rows,
    columns,
    Float64Array.from({ length: rows * columns }, () => numbers.normal()),
  );
}

/** U diag(s) Vᵀ of the first `count` triplets. */
function truncated({ u, s, v }: Svd, count: number): DenseMatrix {
  const scaled = leading(u, count);
  for (let at = 0; at < scaled.data.length; at++) scaled.data[at]! *= s[at % count]!;
  return product(scaled, transpose(leading(v, count)));
}

const largestDifference = (a: DenseMatrix, b: DenseMatrix) =>
  a.data.reduce((largest, value, at) => Math.max(largest, Math.abs(value - b.data[at]!)), 0);

describe("leadingSvd", () => {
  it.each([
    [8, 5, 3],
    [5, 8, 5],
    [32, 16, 16],
    [16, 64, 1],
    [120, 90, 4],
  ])("of %d × %d has the first %d triplets of the whole decomposition", (rows, columns, count) => {
    const a = drawn(rows, columns);
    const found = leadingSvd(a, count, random());
    expect([found.u.shape, found.s.length, found.v.shape]).toEqual([[rows, count], count, [columns, count]]);
    expect(largestDifference(truncated(found, count), truncated(svd(a), count))).toBeLessThan(1e-9);
    const identity = matrix(
      count,
      count,
      Float64Array.from({ length: count * count }, (_, at) => (at % (count + 1) === 0 ? 1 : 0)),
    );
    for (const vectors of [found.u, found.v]) {
      expect(largestDifference(gram(transpose(vectors)), identity)).toBeLessThan(1e-10);
    }
  });

  it("finds repeated and zero singular values", () => {
    const twice = matrix(3, 3, Float64Array.from([2, 0, 0, 0, 2, 0, 0, 0, 1]));
    const once = matrix(3, 4, Float64Array.from([1, 2, 3, 4, 2, 4, 6, 8, 0, 0, 0, 0]));
    const close = (s: Float64Array) => Array.from(s, (value) => Math.round(value * 1e9) / 1e9);
    expect(close(leadingSvd(twice, 2, random()).s)).toEqual([2, 2]);
    expect(close(leadingSvd(once, 2, random()).s)).toEqual([Math.round(Math.sqrt(150) * 1e9) / 1e9, 0]);
    expect(close(leadingSvd(matrix(4, 3), 2, random()).s)).toEqual([0, 0]);
  });

  it("is reproducible, and returns at most min(m, n) triplets", () => {
    expect(leadingSvd(drawn(9, 7), 3, random())).toEqual(leadingSvd(drawn(9, 7), 3, random()));
    expect(leadingSvd(drawn(4, 3), 9, random()).s).toHaveLength(3);
  });
});
