/** Symmetric matrices with numpy's eigenvalues and conditions. */
import { readFileSync } from "node:fs";
import { type DenseMatrix, matrix } from "../../../shared/linalg/matrix.ts";

interface Golden {
  readonly cases: readonly {
    readonly name: string;
    readonly matrix: { readonly shape: readonly [number, number]; readonly data: readonly number[] };
    readonly values: readonly number[];
    readonly condition: number;
  }[];
}

const golden: Golden = JSON.parse(readFileSync(new URL("../../golden/linalg/symmetric.json", import.meta.url), "utf8"));

export interface SymmetricCase {
  readonly name: string;
  readonly a: DenseMatrix;
  /** Ascending. */
  readonly values: readonly number[];
  /** cond₁, or 0 if the matrix is not positive definite. */
  readonly condition: number;
}

export const SYMMETRIC_CASES: readonly SymmetricCase[] = golden.cases.map(({ matrix: given, ...rest }) => ({
  ...rest,
  a: matrix(...given.shape, Float64Array.from(given.data)),
}));
