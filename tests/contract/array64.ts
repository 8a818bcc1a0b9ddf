import { type DType, elementCount, type Tensor, type TensorData } from "../../shared/tensor.ts";

/** A dense row-major array in float64, whatever its graph type: booleans and integers up to 2⁵³ are exact. */
export interface Array64 {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

export type Index = readonly number[];

/** The array whose element at every index is `f(index)`. */
export function generate(shape: readonly number[], f: (index: Index) => number): Array64 {
  const data = new Float64Array(elementCount(shape));
  const index = shape.map(() => 0);
  for (let i = 0; i < data.length; i++) {
    data[i] = f(index);
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis]! === shape[axis]; axis--) index[axis] = 0;
  }
  return { shape, data };
}

/** The element at `index`; x may have fewer axes, or axes of size 1, which broadcast. */
export function at(x: Array64, index: Index): number {
  const lead = index.length - x.shape.length;
  const offset = x.shape.reduce((sum, dim, axis) => sum * dim + (dim === 1 ? 0 : index[axis + lead]!), 0);
  return x.data[offset]!;
}

/** All indices of an array of this shape, in order. */
export function indices(shape: readonly number[]): Index[] {
  const all: Index[] = [];
  generate(shape, (index) => all.push([...index]));
  return all;
}

export function toArray64({ shape, data }: Tensor): Array64 {
  return { shape, data: Float64Array.from(data as ArrayLike<number | bigint>, Number) };
}

const ARRAY = { f32: Float32Array, f64: Float64Array, i32: Int32Array, u8: Uint8Array, bool: Uint8Array } as const;

export function toTensor(dtype: DType, { shape, data }: Array64): Tensor {
  const converted: TensorData[DType] =
    dtype === "i64" ? BigInt64Array.from(Array.from(data, BigInt)) : ARRAY[dtype].from(data);
  return { dtype, shape, data: converted };
}

/**
 * The largest difference between two arrays, relative where the expected value is above 1; NaN in `expected` matches
 * anything. Infinite if the shapes differ or `got` has an unexpected NaN.
 */
export function distance(actual: Array64, expected: Array64): number {
  if (actual.shape.join() !== expected.shape.join()) return Number.POSITIVE_INFINITY;
  let worst = 0;
  expected.data.forEach((e, i) => {
    if (Number.isNaN(e) || actual.data[i] === e) return;
    const difference = Math.abs(actual.data[i]! - e) / Math.max(1, Math.abs(e));
    worst = Math.max(worst, Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference);
  });
  return worst;
}
