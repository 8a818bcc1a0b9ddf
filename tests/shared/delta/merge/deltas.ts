/** Small random deltas for the merging tests, and the changes that a delta makes. */

import { type CanonicalDelta, type CanonicalModule, NO_DELTA } from "../../../../shared/delta/canonical.ts";
import { type DenseMatrix, matrix, product, widened } from "../../../../shared/linalg/matrix.ts";
import { createRandom } from "../../../../shared/random.ts";
import { f32, type Tensor } from "../../../../shared/tensor.ts";

export function randomTensor(shape: readonly number[], ...stream: (string | number)[]): Tensor<"f32"> {
  const random = createRandom(11, ...stream);
  return f32(
    shape,
    Array.from({ length: shape.reduce((all, size) => all * size, 1) }, () => random.normal()),
  );
}

const IN = 12;
const OUT = 8;
export const Q = "layers.0.self_attn.q_proj";
export const K = "layers.0.self_attn.k_proj";
export const UP = "layers.0.mlp.up_proj";

export function lowRank(rank: number, ...stream: (string | number)[]): CanonicalModule {
  return { a: randomTensor([IN, rank], "a", ...stream), b: randomTensor([rank, OUT], "b", ...stream) };
}

/** ΔW on q, on q or k, and a scale and a bias on up. */
export function randomDelta(name: string, rank = 2): CanonicalDelta {
  const scale = randomTensor([OUT], "s", name);
  return {
    ...NO_DELTA,
    linears: new Map([
      [Q, lowRank(rank, name, Q)],
      [K, { ...lowRank(rank, name, K), bias: randomTensor([OUT], "bk", name) }],
      [UP, { scale, bias: randomTensor([OUT], "b", name) }],
    ]),
    embedding: { a: randomTensor([20, rank], "ea", name), b: randomTensor([rank, IN], "eb", name) },
  };
}

export const linears = (modules: Readonly<Record<string, CanonicalModule>>): CanonicalDelta => ({
  ...NO_DELTA,
  linears: new Map(Object.entries(modules)),
});

/** ΔW, zero where the delta has none. */
export function productOf(part: Pick<CanonicalModule, "a" | "b"> | undefined, rows = IN, columns = OUT): DenseMatrix {
  if (part?.a === undefined || part.b === undefined) return matrix(rows, columns);
  return product(widened(part.a), widened(part.b));
}

/** All changes of a delta: ΔW, s − 1 and b of each layer, ΔE of the embedding. */
export function additions(delta: CanonicalDelta): Map<string, DenseMatrix> {
  const vector = (tensor: Tensor<"f32"> | undefined, neutral: number) =>
    matrix(
      1,
      OUT,
      Float64Array.from({ length: OUT }, (_, index) => (tensor?.data[index] ?? neutral) - neutral),
    );
  const found = new Map<string, DenseMatrix>([["embedding", productOf(delta.embedding, 20, IN)]]);
  for (const path of [Q, K, UP]) {
    const module = delta.linears.get(path);
    found.set(path, productOf(module));
    found.set(`${path}.s`, vector(module?.scale, 1));
    found.set(`${path}.b`, vector(module?.bias, 0));
  }
  return found;
}

/** Σ wᵢ · additions(deltaᵢ) */
export function sumOfAdditions(terms: readonly { readonly delta: CanonicalDelta; readonly weight: number }[]) {
  const all = terms.map(({ delta, weight }) => ({ parts: additions(delta), weight }));
  return new Map(
    [...all[0]!.parts].map(([name, { shape, data }]) => {
      const values = data.map((_, index) =>
        all.reduce((sum, { parts, weight }) => sum + weight * parts.get(name)!.data[index]!, 0),
      );
      return [name, matrix(shape[0]!, shape[1]!, values)] as const;
    }),
  );
}
