import { svdOfProduct } from "../../linalg/low-rank-svd.ts";
import { type DenseMatrix, gram, leading, matrix, product, sizes, transpose, widened } from "../../linalg/matrix.ts";
import { numericalRank } from "../../linalg/svd.ts";
import { f32, type Tensor } from "../../tensor.ts";
import type { CanonicalDelta, CanonicalModule } from "../canonical.ts";

/** ΔW = AB of one layer, or of the embedding, in double precision: A [in, R], B [R, out]. */
export interface Factors {
  readonly a: DenseMatrix;
  readonly b: DenseMatrix;
}

/** A and B of a layer, or undefined if it has none. */
export function factorsOf({ a, b }: Pick<CanonicalModule, "a" | "b">): Factors | undefined {
  return a === undefined || b === undefined ? undefined : { a: widened(a), b: widened(b) };
}

/** The inverse of `factorsOf`. */
export function narrowed(factors: Factors | undefined): { a: Tensor<"f32">; b: Tensor<"f32"> } | undefined {
  return factors && { a: f32(factors.a.shape, factors.a.data), b: f32(factors.b.shape, factors.b.data) };
}

/** The delta with `change` applied to every ΔW; undefined removes it. */
export function withFactors(delta: CanonicalDelta, change: (factors: Factors) => Factors | undefined): CanonicalDelta {
  const changed = (part: Pick<CanonicalModule, "a" | "b">) => {
    const factors = factorsOf(part);
    return factors && narrowed(change(factors));
  };
  const { embedding, ...others } = delta;
  const linears = [...delta.linears].map(([path, module]): readonly [string, CanonicalModule] => {
    const { a, b, ...vectors } = module;
    return [path, { ...changed(module), ...vectors }];
  });
  const table = embedding && changed(embedding);
  return { ...others, linears: new Map(linears), ...(table === undefined ? {} : { embedding: table }) };
}

/**
 * An upper bound on the rounding error in ΔW: with factors in float32, AB is off by up to 2⁻²⁴‖A‖‖B‖ in any norm that does
 * not exceed the Frobenius norm. Deltas that cancel leave an error of this size.
 */
export function roundingOf({ a, b }: Factors): number {
  return 2 ** -24 * norm(a) * norm(b);
}

/** Whether ΔW is only rounding error. ‖AB‖² = tr(AᵀA·BBᵀ), so the product need not be formed. */
export function vanishes(factors: Factors): boolean {
  const [left, right] = [gram(transpose(factors.a)), gram(factors.b)];
  const square = left.data.reduce((sum, value, index) => sum + value * right.data[index]!, 0);
  return Math.sqrt(Math.max(0, square)) <= roundingOf(factors);
}

/**
 * The nearest product of rank at most `highestRank`, with no more columns than the rank of ΔW; undefined if ΔW is zero.
 * A = U and B = diag(s) Vᵀ of the leading singular values, or the original factors if all their columns are needed.
 */
export function reduced(factors: Factors, highestRank: number): Factors | undefined {
  const { u, s, v } = svdOfProduct(factors.a, factors.b);
  const rank = Math.min(highestRank, numericalRank(s, roundingOf(factors)));
  if (rank === 0) return undefined;
  if (rank === sizes(factors.a)[1]) return factors;
  const right = leading(v, rank);
  const scaled = matrix(
    ...sizes(right),
    right.data.map((value, index) => value * s[index % rank]!),
  );
  return { a: leading(u, rank), b: transpose(scaled) };
}

/** The multiplications in `reduced`: a QR decomposition of each factor, then an SVD of the small product. */
export function reductionWork(rows: number, columns: number, rank: number): number {
  const [left, right] = [Math.min(rows, rank), Math.min(columns, rank)];
  return 4 * (rows * left + columns * right) * rank + 20 * left * right * Math.min(left, right);
}

/** The elements of ΔW, row by row. */
export const elementsOf = ({ a, b }: Factors): Float64Array => product(a, b).data;

function norm({ data }: DenseMatrix): number {
  return Math.sqrt(data.reduce((sum, value) => sum + value * value, 0));
}
