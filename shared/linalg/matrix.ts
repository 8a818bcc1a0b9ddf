/**
 * Dense matrices as row-major float64 tensors [rows, columns], and conversions to and from ml-matrix, which decomposes
 * them. Products are implemented here because ml-matrix stores each row as an array and copies it twice.
 */
import { Matrix } from "ml-matrix";
import { type Tensor, tensor } from "../tensor.ts";

export type DenseMatrix = Tensor<"f64">;

/** Wraps `data` without copying it. */
export function matrix(
  rows: number,
  columns: number,
  data: Float64Array = new Float64Array(rows * columns),
): DenseMatrix {
  return tensor("f64", [rows, columns], data);
}

/** A double-precision copy of a rank-2 tensor. */
export function widened({ shape, data }: Tensor<"f32">): DenseMatrix {
  const [rows, columns] = sizes({ shape });
  return matrix(rows, columns, Float64Array.from(data));
}

export function sizes({ shape }: { readonly shape: readonly number[] }): readonly [rows: number, columns: number] {
  return shape as readonly [number, number];
}

export function transpose(a: DenseMatrix): DenseMatrix {
  const [rows, columns] = sizes(a);
  const result = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) result[column * rows + row] = a.data[row * columns + column]!;
  }
  return matrix(columns, rows, result);
}

/** AB for A [m, k] and B [k, n]. */
export function product(a: DenseMatrix, b: DenseMatrix): DenseMatrix {
  const [m, k] = sizes(a);
  const [, n] = sizes(b);
  const result = new Float64Array(m * n);
  for (let row = 0; row < m; row++) {
    const target = result.subarray(row * n, (row + 1) * n);
    const factors = a.data.subarray(row * k, (row + 1) * k);
    let inner = 0;
    // Four rows of B for each pass over the target; the sums stay in the order of one.
    for (; inner + 4 <= k; inner += 4) {
      const [f0, f1, f2, f3] = [factors[inner]!, factors[inner + 1]!, factors[inner + 2]!, factors[inner + 3]!];
      if (f0 === 0 && f1 === 0 && f2 === 0 && f3 === 0) continue;
      const [b0, b1, b2, b3] = [inner * n, (inner + 1) * n, (inner + 2) * n, (inner + 3) * n];
      for (let column = 0; column < n; column++) {
        target[column] =
          target[column]! +
          f0 * b.data[b0 + column]! +
          f1 * b.data[b1 + column]! +
          f2 * b.data[b2 + column]! +
          f3 * b.data[b3 + column]!;
      }
    }
    for (; inner < k; inner++) {
      const factor = factors[inner]!;
      if (factor === 0) continue;
      const start = inner * n;
      for (let column = 0; column < n; column++) target[column]! += factor * b.data[start + column]!;
    }
  }
  return matrix(m, n, result);
}

/** The symmetric AAᵀ [m, m] of A [m, n]. */
export function gram(a: DenseMatrix): DenseMatrix {
  const [m, n] = sizes(a);
  const { data } = a;
  const result = new Float64Array(m * m);
  for (let row = 0; row < m; row++) {
    const left = row * n;
    let other = 0;
    // Four sums at once do not wait for each other.
    for (; other + 4 <= row + 1; other += 4) {
      const [r0, r1, r2, r3] = [other * n, (other + 1) * n, (other + 2) * n, (other + 3) * n];
      let [s0, s1, s2, s3] = [0, 0, 0, 0];
      for (let index = 0; index < n; index++) {
        const value = data[left + index]!;
        s0 += value * data[r0 + index]!;
        s1 += value * data[r1 + index]!;
        s2 += value * data[r2 + index]!;
        s3 += value * data[r3 + index]!;
      }
      const at = row * m + other;
      [result[at], result[at + 1], result[at + 2], result[at + 3]] = [s0, s1, s2, s3];
    }
    for (; other <= row; other++) {
      const right = other * n;
      let sum = 0;
      for (let index = 0; index < n; index++) sum += data[left + index]! * data[right + index]!;
      result[row * m + other] = sum;
    }
    for (other = 0; other < row; other++) result[other * m + row] = result[row * m + other]!;
  }
  return matrix(m, m, result);
}

/** The first `count` columns. */
export function leading(a: DenseMatrix, count: number): DenseMatrix {
  const [rows, columns] = sizes(a);
  const result = new Float64Array(rows * count);
  for (let row = 0; row < rows; row++) {
    result.set(a.data.subarray(row * columns, row * columns + count), row * count);
  }
  return matrix(rows, count, result);
}

export function toMl(a: DenseMatrix): Matrix {
  const [rows, columns] = sizes(a);
  const result = new Matrix(rows, columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) result.set(row, column, a.data[row * columns + column]!);
  }
  return result;
}

export function fromMl(a: Matrix): DenseMatrix {
  const { rows, columns } = a;
  const result = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) result[row * columns + column] = a.get(row, column);
  }
  return matrix(rows, columns, result);
}
