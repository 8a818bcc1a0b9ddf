/** Initial values of factors. */
import { leadingSvd } from "../../linalg/leading-svd.ts";
import { type DenseMatrix, leading, matrix, product, transpose, widened } from "../../linalg/matrix.ts";
import { qr } from "../../linalg/qr.ts";
import type { ModelConfig } from "../../model/config.ts";
import { EMBEDDING, EMBEDDING_PATH, HEAD_PATH, weightName } from "../../model/modules.ts";
import { transposed } from "../../model/weights.ts";
import { createRandom, type Random } from "../../random.ts";
import { f32, type Tensor, zeros } from "../../tensor.ts";

/** The factors of one layer, in the layout of graphs: y += s · (xA)B. */
export interface Factors {
  /** [in, r] */
  readonly a: Tensor<"f32">;
  /** [r, out] */
  readonly b: Tensor<"f32">;
}

/** Initialisations from random numbers only. AB is 0 in all of them. */
export type RandomStart = "uniform" | "gaussian" | "orthogonal";
/** Initialisations from part of the weight: its largest singular values, or its first columns made orthonormal. */
export type WeightStart = "pissa" | "olora";

interface Sizes {
  readonly path: string;
  readonly in: number;
  readonly out: number;
  readonly rank: number;
}

/**
 * `uniform`: A uniform in ±1/√in, which is peft's kaiming-uniform with a = √5, and B zero. `gaussian`: A normal with σ = 1/r,
 * and B zero. `orthogonal`, as in peft: A and B are random matrices times the two halves of a random rotation, so that AB is
 * zero although neither factor is. The embedding always has A zero and B standard normal. Each factor of each layer has its
 * own random stream.
 */
export function randomFactors({ path, in: inSize, out, rank }: Sizes, start: RandomStart, seed: number): Factors {
  const draws = (factor: "A" | "B" | "rotation") => createRandom(seed, "init", `${path}.lora_${factor}`);
  if (path === EMBEDDING_PATH) {
    const random = draws("B");
    return { a: zeros([inSize, rank]), b: filled([rank, out], () => random.normal()) };
  }
  if (start === "orthogonal") {
    const { q } = qr(normal(draws("rotation"), rank, rank));
    const half = rank / 2;
    // The even rows of the rotation are for A, the odd ones for B.
    const rows = (first: number) =>
      matrix(
        half,
        rank,
        Float64Array.from(
          { length: half * rank },
          (_, at) => q.data[(2 * Math.floor(at / rank) + first) * rank + (at % rank)]!,
        ),
      );
    return {
      a: narrowed(product(normal(draws("A"), inSize, half), rows(0)), 0.1),
      b: narrowed(product(transpose(rows(1)), normal(draws("B"), half, out)), 0.1),
    };
  }
  const random = draws("A");
  const bound = 1 / Math.sqrt(inSize);
  const draw = start === "uniform" ? () => bound * (2 * random.float() - 1) : () => random.normal() / rank;
  return { a: filled([inSize, rank], draw), b: zeros([rank, out]) };
}

/**
 * Factors whose product is the part of W [in, out] that the adapter starts as.
 *
 * PiSSA (Meng et al., "PiSSA: Principal Singular Values and Singular Vectors Adaptation", 2024): W = USVᵀ gives
 * A = U√(S/s) and B = √(S/s)Vᵀ with the r largest singular values, so that s·AB is the best approximation of W.
 * OLoRA (Büyükakyüz, "OLoRA: Orthonormal Low-Rank Adaptation of Large Language Models", 2024): Wᵀ = QR gives A = Rᵀ and
 * B = Qᵀ with the first r columns of Q; as in peft, s is not divided out, so the part is s·AB.
 *
 * The signs of columns are arbitrary; the product is not. Equal arguments give equal bytes.
 */
export function weightFactors(
  weight: Tensor<"f32">,
  start: WeightStart,
  { rank, scale }: { rank: number; scale: number },
): Factors {
  const w = widened(weight);
  if (start === "olora") {
    const columns = transpose(w);
    const { q } = qr(leading(columns, rank));
    return { a: narrowed(transpose(product(transpose(q), columns))), b: narrowed(transpose(q)) };
  }
  const { u, s, v } = leadingSvd(w, rank, createRandom(0, "singular vectors"));
  const roots = (vectors: DenseMatrix) => {
    for (let at = 0; at < vectors.data.length; at++) vectors.data[at]! *= Math.sqrt(s[at % rank]! / scale);
    return vectors;
  };
  return { a: narrowed(roots(u)), b: narrowed(transpose(roots(v))) };
}

/** The name of the weight that the layer at `path` multiplies by. */
export function layerWeightName(path: string, { tied }: Pick<ModelConfig, "tied">): string {
  return path === HEAD_PATH && tied ? EMBEDDING : weightName(path);
}

/** The weight of the layer at `path` as [in, out]. The head's weight, which may be the embedding, is stored transposed. */
export function layerWeight(path: string, stored: Tensor<"f32">): Tensor<"f32"> {
  return path === HEAD_PATH ? transposed(stored) : stored;
}

function normal(random: Random, rows: number, columns: number): DenseMatrix {
  return matrix(
    rows,
    columns,
    Float64Array.from({ length: rows * columns }, () => random.normal()),
  );
}

function filled(shape: readonly [number, number], draw: () => number): Tensor<"f32"> {
  return f32(shape, Float32Array.from({ length: shape[0] * shape[1] }, draw));
}

function narrowed({ shape, data }: DenseMatrix, factor = 1): Tensor<"f32"> {
  return f32(
    shape,
    Float32Array.from(data, (value) => factor * value),
  );
}
