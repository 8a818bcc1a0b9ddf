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
    for (let inner = 0; inner < k; inner++) {
      const factor = a.data[row * k + inner]!;
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
  const result = new Float64Array(m * m);
  for (let row = 0; row < m; row++) {
    for (let other = 0; other <= row; other++) {
      const [left, right] = [row * n, other * n];
      let sum = 0;
      for (let index = 0; index < n; index++) sum += a.data[left + index]! * a.data[right + index]!;
      result[row * m + other] = sum;
      result[other * m + row] = sum;
    }
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
