/** First values of factors. */
import { leadingSvd } from "../../linalg/leading-svd.ts";
import { type DenseMatrix, leading, matrix, product, transpose, widened } from "../../linalg/matrix.ts";
import { qr } from "../../linalg/qr.ts";
import type { ModelConfig } from "../../model/config.ts";
import { EMBEDDING, EMBEDDING_PATH, HEAD_PATH, weightName } from "../../model/modules.ts";
import { transposed } from "../../model/weights.ts";
import { createRandom, type Random } from "../../random.ts";
import { f32, type Tensor, zeros } from "../../tensor.ts";

/** The factors of one layer as graphs take them: y += s · (xA)B. */
export interface Factors {
  /** [in, r] */
  readonly a: Tensor<"f32">;
  /** [r, out] */
  readonly b: Tensor<"f32">;
}

/** Ways to begin that take nothing but random numbers; the product AB is 0 in all of them. */
export type RandomStart = "uniform" | "gaussian" | "orthogonal";
/** Ways to begin with a part of the weight: its largest singular values, or its first columns made orthogonal. */
export type WeightStart = "pissa" | "olora";

interface Sizes {
  readonly path: string;
  readonly in: number;
  readonly out: number;
  readonly rank: number;
}

/**
 * A uniform in ±1/√in, which is the kaiming-uniform with a = √5 that peft draws, or normal with a deviation of 1/r; B zero.
 * In the embedding A is zero and B standard normal. `orthogonal`, as in peft: the halves of a random rotation
 * between two random matrices, so that neither factor is zero and AB is. Each layer and factor draws from a random stream
 * of its own.
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
    // Rows of the rotation in turn: the even ones for A, the odd ones for B.
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
  const one = start === "uniform" ? () => bound * (2 * random.float() - 1) : () => random.normal() / rank;
  return { a: filled([inSize, rank], one), b: zeros([rank, out]) };
}

/**
 * Factors whose product is the part of W [in, out] that the adapter takes over.
 *
 * PiSSA (Meng et al., "PiSSA: Principal Singular Values and Singular Vectors Adaptation", 2024): W = USVᵀ gives
 * A = U√(S/s) and B = √(S/s)Vᵀ of the r largest singular values, so that s·AB is the best approximation of W.
 * OLoRA (Büyükakyüz, "OLoRA: Orthonormal Low-Rank Adaptation of Large Language Models", 2024): Wᵀ = QR gives A = Rᵀ and
 * B = Qᵀ of the first r columns of Q; as in peft s is not divided out, so that the part taken is s·AB.
 *
 * Signs of columns are free; the product is not. The same arguments give the same bytes.
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

/** The weight of the model that the layer at `path` multiplies by. */
export function layerWeightName(path: string, { tied }: Pick<ModelConfig, "tied">): string {
  return path === HEAD_PATH && tied ? EMBEDDING : weightName(path);
}

/** That weight as [in, out]; the head's is kept the other way round, and may be the embedding. */
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

function filled(shape: readonly [number, number], one: () => number): Tensor<"f32"> {
  return f32(shape, Float32Array.from({ length: shape[0] * shape[1] }, one));
}

function narrowed({ shape, data }: DenseMatrix, factor = 1): Tensor<"f32"> {
  return f32(
    shape,
    Float32Array.from(data, (value) => factor * value),
  );
}
