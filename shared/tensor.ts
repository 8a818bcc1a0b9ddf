import { TrimtabError } from "./errors.ts";

/** The element types shared by graphs, executors and weight files. */
export const DTYPES = ["f32", "f64", "i32", "i64", "u8", "bool"] as const;
export type DType = (typeof DTYPES)[number];

export interface TensorData {
  readonly f32: Float32Array;
  readonly f64: Float64Array;
  readonly i32: Int32Array;
  readonly i64: BigInt64Array;
  readonly u8: Uint8Array;
  readonly bool: Uint8Array;
}

/** A dense row-major tensor: `data.length` equals the product of `shape`; a scalar has shape []. */
export interface Tensor<D extends DType = DType> {
  readonly dtype: D;
  readonly shape: readonly number[];
  readonly data: TensorData[D];
}

export const BYTES_PER_ELEMENT: Readonly<Record<DType, number>> = { f32: 4, f64: 8, i32: 4, i64: 8, u8: 1, bool: 1 };

const ARRAY = { f32: Float32Array, f64: Float64Array, i32: Int32Array, u8: Uint8Array, bool: Uint8Array } as const;

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

/** The total number of elements in all the tensors. */
export function totalElements(tensors: Iterable<{ readonly shape: readonly number[] }>): number {
  let total = 0;
  for (const { shape } of tensors) total += elementCount(shape);
  return total;
}

/** Wraps `data` without copying it. Throws `invalid_graph` when the length does not match the shape. */
export function tensor<D extends DType>(dtype: D, shape: readonly number[], data: TensorData[D]): Tensor<D> {
  if (data.length !== elementCount(shape)) {
    throw new TrimtabError(
      "invalid_graph",
      `a tensor of shape [${shape.join(", ")}] needs ${elementCount(shape)} elements, but got ${data.length}`,
    );
  }
  return { dtype, shape, data };
}

export function f32(shape: readonly number[], data: ArrayLike<number>): Tensor<"f32"> {
  return tensor("f32", shape, data instanceof Float32Array ? data : Float32Array.from(data));
}

export function i64(shape: readonly number[], data: ArrayLike<number>): Tensor<"i64"> {
  return tensor("i64", shape, BigInt64Array.from(Array.from(data), BigInt));
}

/** A scalar: a tensor of shape []. */
export function scalar(dtype: DType, number: number): Tensor {
  if (dtype === "i64") return i64([], [number]);
  return tensor(dtype, [], ARRAY[dtype].of(number));
}

export function zeros(shape: readonly number[]): Tensor<"f32"> {
  return tensor("f32", shape, new Float32Array(elementCount(shape)));
}
