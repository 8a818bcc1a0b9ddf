/**
 * The form in which a delta is served, whatever method made it: the terms added to each part of the model.
 *
 *     linear layer    y = (1 + Σ wᵢ(sᵢ − 1)) ⊙ xW + bias + Σ wᵢ (xAᵢ)Bᵢ + Σ wᵢ bᵢ
 *     block           Σ wᵢ (f((y·D) ⊙ fromOutput + (x·D) ⊙ fromStream + c) U + u), x the stream and y the block's output
 *     embedding       Σ wᵢ (A row of the token) B
 *     prompt, prefix  embeddings, or keys and values, before the text: at most one of each, with a weight of 1
 *     scorer          judges what all of the above makes the model compute, and changes none of it
 */
import type { Tensor } from "../tensor.ts";
import type { Scorer } from "./scorer.ts";

/** The change to one linear layer. `a` and `b` are either both present or both absent. */
export interface CanonicalModule {
  /** A [in, R] */
  readonly a?: Tensor<"f32">;
  /** B [R, out] */
  readonly b?: Tensor<"f32">;
  /** s [out]: multiplies xW. */
  readonly scale?: Tensor<"f32">;
  /** b [out]: added to the output. */
  readonly bias?: Tensor<"f32">;
}

/**
 * The bottleneck adapters of one block side by side, M columns in total. f(z) is SiLU for columns where `silu` is 1 and ReLU
 * where it is 0. Each column reads the block's output, the stream before the block, or their sum.
 */
export interface CanonicalBottleneck {
  /** [D, M] */
  readonly down: Tensor<"f32">;
  /** [M] */
  readonly downBias: Tensor<"f32">;
  /** [M, D] */
  readonly up: Tensor<"f32">;
  /** [D]; added to the stream after the block. */
  readonly upBias: Tensor<"f32">;
  /** [M] of zeros and ones, like the next two. */
  readonly fromOutput: Tensor<"f32">;
  readonly fromStream: Tensor<"f32">;
  readonly silu: Tensor<"f32">;
}

export interface CanonicalDelta {
  /** By module path, including `lm_head`. */
  readonly linears: ReadonlyMap<string, CanonicalModule>;
  /** By block path, as `blockPaths` lists them. */
  readonly bottlenecks: ReadonlyMap<string, CanonicalBottleneck>;
  /** A [V, R] and B [R, D]. */
  readonly embedding?: { readonly a: Tensor<"f32">; readonly b: Tensor<"f32"> };
  /** [n, D] */
  readonly prompt?: Tensor<"f32">;
  /** One pair of [n, K·P] per layer. Keys are as attention compares them: do not rotate them. */
  readonly prefix?: readonly { readonly key: Tensor<"f32">; readonly value: Tensor<"f32"> }[];
  /** Only of a delta as it was trained: no sum, merge or fold has one. */
  readonly scorer?: Scorer;
}

/** The delta without any parts. */
export const NO_DELTA: CanonicalDelta = { linears: new Map(), bottlenecks: new Map() };

/** Whether applying the delta would leave every output unchanged. A scorer is an output of its own. */
export function changesNothing(delta: CanonicalDelta): boolean {
  const all = (tensor: Tensor<"f32"> | undefined, value: number) =>
    tensor === undefined || tensor.data.every((element) => element === value);
  const noProduct = (a: Tensor<"f32"> | undefined, b: Tensor<"f32"> | undefined) =>
    b === undefined || all(b, 0) || all(a, 0);
  return (
    [...delta.linears.values()].every(({ a, b, scale, bias }) => noProduct(a, b) && all(scale, 1) && all(bias, 0)) &&
    [...delta.bottlenecks.values()].every(({ up, upBias }) => all(up, 0) && all(upBias, 0)) &&
    noProduct(delta.embedding?.a, delta.embedding?.b) &&
    delta.prompt === undefined &&
    delta.prefix === undefined &&
    delta.scorer === undefined
  );
}
