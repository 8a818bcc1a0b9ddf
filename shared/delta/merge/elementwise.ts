import { bestApproximation } from "../../linalg/best-approximation.ts";
import { matrix, sizes } from "../../linalg/matrix.ts";
import { f32, type Tensor } from "../../tensor.ts";
import type { CanonicalDelta, CanonicalModule } from "../canonical.ts";
import type { WeightedDelta } from "../sum.ts";
import { elementsOf, type Factors, factorsOf, narrowed } from "./factors.ts";
import type { MergeMethod, MergeOptions } from "./method.ts";

/** The values that one delta adds to the elements of a matrix or vector. */
export interface Term {
  readonly values: Float64Array;
  readonly weight: number;
  /** The delta's index in the request, which is part of its random stream's name. */
  readonly index: number;
}

/** `place` says where in the model the elements are. It is part of the random stream's name. */
export interface MergeContext extends MergeOptions {
  readonly place: string;
}

/** Combines vectors of equal length element by element. A delta that adds nothing here has no term. */
export type Combine = (terms: readonly Term[], context: MergeContext) => Float64Array;

/**
 * A method that treats each element of ΔW separately, as the papers treat all weights of a model, and likewise each element
 * of s − 1 and b. The combined ΔW can have any rank, so it is replaced by its nearest approximation of rank `rank`, as in
 * peft's variants that end in `_svd`.
 */
export function elementwise(combine: Combine, takes: MergeMethod["takes"]): MergeMethod {
  return {
    needs: ["density"],
    takes: ["rank", ...takes],
    exact: false,
    // ΔW, the smaller Gram matrix and its eigenvectors.
    work: (rows, columns, rank) => rows * columns * (rank + Math.min(rows, columns)) + 9 * Math.min(rows, columns) ** 3,
    merge: (terms, options) => {
      const paths = new Set(terms.flatMap(({ delta }) => [...delta.linears.keys()]));
      const linears = [...paths].map((path): readonly [string, CanonicalModule] => {
        const modules = terms.map(({ delta }) => delta.linears.get(path));
        const scale = mergedVector(terms, modules, "scale", combine, { ...options, place: `${path}.s` });
        const bias = mergedVector(terms, modules, "bias", combine, { ...options, place: `${path}.b` });
        const factors = mergedFactors(terms, modules, combine, { ...options, place: path });
        return [
          path,
          { ...factors, ...(scale === undefined ? {} : { scale }), ...(bias === undefined ? {} : { bias }) },
        ];
      });
      const tables = terms.map(({ delta }) => delta.embedding);
      const embedding = mergedFactors(terms, tables, combine, { ...options, place: "embed_tokens" });
      return { linears: new Map(linears), bottlenecks: new Map(), ...(embedding === undefined ? {} : { embedding }) };
    },
  };
}

type Parts<T> = readonly (T | undefined)[];

function mergedFactors(
  terms: readonly WeightedDelta[],
  parts: Parts<Pick<CanonicalModule, "a" | "b">>,
  combine: Combine,
  context: MergeContext,
): CanonicalDelta["embedding"] {
  let shape: readonly [number, number] | undefined;
  const products = parts.flatMap((part, index): Term[] => {
    const factors: Factors | undefined = part && factorsOf(part);
    if (factors === undefined) return [];
    shape ??= [sizes(factors.a)[0], sizes(factors.b)[1]];
    return [{ values: elementsOf(factors), weight: terms[index]!.weight, index }];
  });
  if (shape === undefined) return undefined;
  const { left, right } = bestApproximation(matrix(...shape, combine(products, context)), context.rank);
  return narrowed({ a: left, b: right });
}

/** A scale is merged as its difference from 1, a bias as it is. */
function mergedVector(
  terms: readonly WeightedDelta[],
  parts: Parts<CanonicalModule>,
  kind: "scale" | "bias",
  combine: Combine,
  context: MergeContext,
): Tensor<"f32"> | undefined {
  const neutral = kind === "scale" ? 1 : 0;
  const vectors = parts.flatMap((part, index): Term[] => {
    const vector = part?.[kind];
    if (vector === undefined) return [];
    const values = Float64Array.from(vector.data, (value) => value - neutral);
    return [{ values, weight: terms[index]!.weight, index }];
  });
  if (vectors.length === 0) return undefined;
  const combined = combine(vectors, context);
  return f32(
    [combined.length],
    combined.map((value) => value + neutral),
  );
}
