import { leadingSvd } from "../../../shared/linalg/leading-svd.ts";
import { type DenseMatrix, matrix, sizes } from "../../../shared/linalg/matrix.ts";
import { createRandom } from "../../../shared/random.ts";

/** Activations of both sides at one layer, a row for each pair: positive [n, D], negative [n, D]. */
export interface Sides {
  readonly positive: DenseMatrix;
  readonly negative: DenseMatrix;
}

export type DirectionMethod = "mean_difference" | "pca";

/** The vector [D] from the negative side to the positive one, in float64. Zero where there is no difference. */
export const DIRECTIONS: Readonly<Record<DirectionMethod, (sides: Sides) => Float64Array>> = {
  mean_difference: meanDifference,
  pca: principalDifference,
};

/** v = Σ (p − q) / n (contrastive activation addition; Rimsky et al., "Steering Llama 2 via Contrastive Activation Addition", 2024). */
export function meanDifference(sides: Sides): Float64Array {
  const differences = differencesOf(sides);
  const [count, width] = sizes(differences);
  const mean = new Float64Array(width);
  for (let at = 0; at < differences.data.length; at++) mean[at % width]! += differences.data[at]! / count;
  return mean;
}

/**
 * The first principal component of both sides, each pair centred on its own middle (Zou et al., "Representation
 * Engineering", 2023). Those rows are ± half the pair's difference and have the mean 0, so the component is the first
 * right singular vector of the differences. Its sign is such that the positive side projects higher on average, and its length
 * is the mean difference's projection on it, so that a strength of 1 moves a text as far as the pairs are apart.
 */
export function principalDifference(sides: Sides): Float64Array {
  const differences = differencesOf(sides);
  const [, width] = sizes(differences);
  if (differences.data.every((value) => value === 0)) return new Float64Array(width);
  // The start is random but fixed, so that equal data give equal vectors.
  const { v } = leadingSvd(differences, 1, createRandom(0, "principal difference"));
  const direction = v.data;
  const along = dot(meanDifference(sides), direction);
  return direction.map((value) => value * along);
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let at = 0; at < a.length; at++) sum += a[at]! * b[at]!;
  return sum;
}

export function lengthOf(vector: ArrayLike<number>): number {
  return Math.sqrt(dot(vector, vector));
}

/** The rows of those pairs. */
export function rowsOf({ positive, negative }: Sides, pairs: readonly number[]): Sides {
  const pick = (side: DenseMatrix) => {
    const [, width] = sizes(side);
    const picked = matrix(pairs.length, width);
    for (const [row, pair] of pairs.entries()) {
      picked.data.set(side.data.subarray(pair * width, (pair + 1) * width), row * width);
    }
    return picked;
  };
  return { positive: pick(positive), negative: pick(negative) };
}

/** x·v for every row x. */
export function projections(side: DenseMatrix, vector: Float64Array): number[] {
  const [count, width] = sizes(side);
  return Array.from({ length: count }, (_, row) => dot(side.data.subarray(row * width, (row + 1) * width), vector));
}

function differencesOf({ positive, negative }: Sides): DenseMatrix {
  const [count, width] = sizes(positive);
  return matrix(
    count,
    width,
    positive.data.map((value, at) => value - negative.data[at]!),
  );
}
