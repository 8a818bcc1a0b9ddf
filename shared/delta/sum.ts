import { TrimtabError } from "../errors.ts";
import { f32, type Tensor } from "../tensor.ts";
import type { CanonicalBottleneck, CanonicalDelta, CanonicalModule } from "./canonical.ts";
import { SCORER_STAYS } from "./scorer.ts";

export interface WeightedDelta {
  readonly delta: CanonicalDelta;
  readonly weight: number;
}

/**
 * The exact sum Σ wᵢ·deltaᵢ as one delta. Low-rank factors and bottlenecks are placed side by side, with the weights in B
 * and U; scales are summed as s − 1, and biases directly.
 *
 * Throws `invalid_delta` when the sum is undefined: two prompts, two prefixes, either with a weight other than 1, or a
 * scorer, which judges only the model that its own delta makes.
 */
export function sumDeltas(terms: readonly WeightedDelta[]): CanonicalDelta {
  const [only] = terms;
  if (terms.length === 1 && only?.weight === 1) return only.delta;
  if (terms.some(({ delta }) => delta.scorer !== undefined)) {
    throw new TrimtabError("invalid_delta", `${SCORER_STAYS}; leave it out of the sum`);
  }
  const prompt = atMostOne(terms, "prompt", "virtual tokens");
  const prefix = atMostOne(terms, "prefix", "a prefix");
  const embeddings = terms.flatMap(({ delta: { embedding }, weight }) =>
    embedding === undefined ? [] : [{ a: embedding.a, b: scaled(embedding.b, weight) }],
  );
  return {
    linears: byPath(terms, ({ linears }) => linears, sumModules),
    bottlenecks: byPath(terms, ({ bottlenecks }) => bottlenecks, sumBottlenecks),
    ...(embeddings.length === 0 ? {} : { embedding: sideBySide(embeddings) }),
    ...(prompt === undefined ? {} : { prompt }),
    ...(prefix === undefined ? {} : { prefix }),
  };
}

type Weighted<T> = readonly { readonly part: T; readonly weight: number }[];

function byPath<T>(
  terms: readonly WeightedDelta[],
  partsOf: (delta: CanonicalDelta) => ReadonlyMap<string, T>,
  sum: (parts: Weighted<T>) => T,
): Map<string, T> {
  const paths = new Set(terms.flatMap(({ delta }) => [...partsOf(delta).keys()]));
  return new Map(
    [...paths].map((path) => {
      const parts = terms.flatMap(({ delta, weight }) => {
        const part = partsOf(delta).get(path);
        return part === undefined ? [] : [{ part, weight }];
      });
      return [path, sum(parts)];
    }),
  );
}

function sumModules(parts: Weighted<CanonicalModule>): CanonicalModule {
  const factors = parts.flatMap(({ part: { a, b }, weight }) =>
    a === undefined || b === undefined ? [] : [{ a, b: scaled(b, weight) }],
  );
  const scales = parts.flatMap(({ part: { scale }, weight }) =>
    scale === undefined ? [] : [{ vector: scale, weight }],
  );
  const biases = parts.flatMap(({ part: { bias }, weight }) => (bias === undefined ? [] : [{ vector: bias, weight }]));
  return {
    ...(factors.length === 0 ? {} : sideBySide(factors)),
    ...(scales.length === 0 ? {} : { scale: weightedSum(scales, 1) }),
    ...(biases.length === 0 ? {} : { bias: weightedSum(biases, 0) }),
  };
}

function sumBottlenecks(parts: Weighted<CanonicalBottleneck>): CanonicalBottleneck {
  const vector = (of: (part: CanonicalBottleneck) => Tensor<"f32">) => joined(parts.map(({ part }) => of(part)));
  return {
    down: columnsJoined(parts.map(({ part }) => part.down)),
    downBias: vector(({ downBias }) => downBias),
    up: rowsJoined(parts.map(({ part, weight }) => scaled(part.up, weight))),
    upBias: weightedSum(
      parts.map(({ part, weight }) => ({ vector: part.upBias, weight })),
      0,
    ),
    fromOutput: vector(({ fromOutput }) => fromOutput),
    fromStream: vector(({ fromStream }) => fromStream),
    silu: vector(({ silu }) => silu),
  };
}

/** neutral + Σ w(v − neutral) */
function weightedSum(
  terms: readonly { readonly vector: Tensor<"f32">; readonly weight: number }[],
  neutral: number,
): Tensor<"f32"> {
  const { shape } = terms[0]!.vector;
  const sum = new Float64Array(shape[0]!).fill(neutral);
  for (const { vector, weight } of terms) {
    for (let i = 0; i < sum.length; i++) sum[i]! += weight * (vector.data[i]! - neutral);
  }
  return f32(shape, Float32Array.from(sum));
}

/** Factors whose product is the sum of the products: [in, Rᵢ] and [Rᵢ, out] → [in, ΣRᵢ] and [ΣRᵢ, out]. */
export function sideBySide(factors: readonly { readonly a: Tensor<"f32">; readonly b: Tensor<"f32"> }[]) {
  return { a: columnsJoined(factors.map(({ a }) => a)), b: rowsJoined(factors.map(({ b }) => b)) };
}

/** factor · tensor; the same object if the factor is 1. */
export function scaled(tensor: Tensor<"f32">, factor: number): Tensor<"f32"> {
  return factor === 1
    ? tensor
    : f32(
        tensor.shape,
        tensor.data.map((value) => value * factor),
      );
}

/** [n₁], [n₂], … → [n₁ + n₂ + …] */
function joined(vectors: readonly Tensor<"f32">[]): Tensor<"f32"> {
  const result = new Float32Array(vectors.reduce((sum, { data }) => sum + data.length, 0));
  let at = 0;
  for (const { data } of vectors) {
    result.set(data, at);
    at += data.length;
  }
  return f32([result.length], result);
}

/** [r₁, n], [r₂, n], … → [r₁ + r₂ + …, n] */
function rowsJoined(matrices: readonly Tensor<"f32">[]): Tensor<"f32"> {
  const columns = matrices[0]!.shape[1]!;
  const { data } = joined(matrices);
  return f32([data.length / columns, columns], data);
}

/** [n, r₁], [n, r₂], … → [n, r₁ + r₂ + …] */
function columnsJoined(matrices: readonly Tensor<"f32">[]): Tensor<"f32"> {
  const rows = matrices[0]!.shape[0]!;
  const columns = matrices.reduce((sum, { shape }) => sum + shape[1]!, 0);
  const result = new Float32Array(rows * columns);
  let first = 0;
  for (const { shape, data } of matrices) {
    const width = shape[1]!;
    for (let row = 0; row < rows; row++)
      result.set(data.subarray(row * width, (row + 1) * width), row * columns + first);
    first += width;
  }
  return f32([rows, columns], result);
}

function atMostOne<K extends "prompt" | "prefix">(
  terms: readonly WeightedDelta[],
  kind: K,
  what: string,
): CanonicalDelta[K] | undefined {
  const found = terms.filter(({ delta }) => delta[kind] !== undefined);
  if (found.length > 1) {
    throw new TrimtabError("invalid_delta", `${found.length} of the deltas have ${what}; at most one can`);
  }
  const [only] = found;
  if (only !== undefined && only.weight !== 1) {
    throw new TrimtabError(
      "invalid_delta",
      `a delta with ${what} cannot be weighted: its weight must be 1, got ${only.weight}`,
    );
  }
  return only?.delta[kind];
}
