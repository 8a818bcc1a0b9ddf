/**
 * DoRA's divisor: the norm ‖W + sAB‖ of each output's column, for W [in, out], A [in, r] and B [r, out], computed without a
 * second matrix of W's size. In a graph:
 *
 *     ‖W + sAB‖² = ‖W‖² + Σₖ ((2s AᵀW + s² AᵀA B) ⊙ B)ₖ
 */
import type { GraphBuilder } from "../../graph/builder.ts";
import type { Value } from "../../graph/graph.ts";
import { f32, type Tensor } from "../../tensor.ts";

/** Smaller squared norms are clamped to this, to avoid a division by 0. */
const LEAST_SQUARE = 1e-30;

/** ‖W‖² of each column of W [in, out] → [out] */
export function columnSquares({ shape, data }: Tensor<"f32">): Tensor<"f32"> {
  const [rows, columns] = shape as [number, number];
  const squares = new Float64Array(columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) squares[column]! += data[row * columns + column]! ** 2;
  }
  return f32([columns], Float32Array.from(squares));
}

/** The norms for `columnSquares`, rounded as in a graph, so that the initial gain is exactly 1. */
export function rootsOf({ shape, data }: Tensor<"f32">): Tensor<"f32"> {
  return f32(
    shape,
    data.map((square) => Math.sqrt(Math.max(square, LEAST_SQUARE))),
  );
}

export interface NormOperands {
  /** ‖W‖² [out] */
  readonly squares: Tensor<"f32">;
  /** zW of z [r, in] */
  readonly multiply: (z: Value) => Value;
  readonly a: Value;
  readonly b: Value;
  readonly scale: number;
}

/** ‖W + sAB‖ [out], detached from the gradient. Costs as many multiplications as r tokens in the layer. */
export function columnNorms(g: GraphBuilder, { squares, multiply, a, b, scale }: NormOperands): Value {
  const [left, right] = [g.detach(a), g.detach(b)];
  const ofWeight = g.mul(multiply(g.transpose(left, [1, 0])), 2 * scale);
  const ofFactors = g.mul(g.matmul(g.matmul(left, left, { transA: true }), right), scale ** 2);
  const change = g.reduceSum(g.mul(g.add(ofWeight, ofFactors), right), [0]);
  return g.detach(g.sqrt(g.max(g.add(g.constant(squares), change), LEAST_SQUARE)));
}

/** m/‖W + AB‖ [out] from values, in float64, with the scale already in B. Without factors: m/‖W‖. */
export function outputScales(
  weight: Tensor<"f32">,
  magnitude: Tensor<"f32">,
  factors?: { readonly a: Tensor<"f32">; readonly b: Tensor<"f32"> },
): Tensor<"f32"> {
  const [inSize, out] = weight.shape as [number, number];
  const rank = factors?.a.shape[1] ?? 0;
  const squares = new Float64Array(out);
  const row = new Float64Array(out);
  for (let i = 0; i < inSize; i++) {
    for (let j = 0; j < out; j++) row[j] = weight.data[i * out + j]!;
    for (let k = 0; k < rank; k++) {
      const left = factors!.a.data[i * rank + k]!;
      for (let j = 0; j < out; j++) row[j]! += left * factors!.b.data[k * out + j]!;
    }
    for (let j = 0; j < out; j++) squares[j]! += row[j]! ** 2;
  }
  return f32(
    [out],
    magnitude.data.map((m, j) => m / Math.sqrt(Math.max(squares[j]!, LEAST_SQUARE))),
  );
}
