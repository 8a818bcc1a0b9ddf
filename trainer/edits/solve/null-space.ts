import { TrimtabError } from "../../../shared/errors.ts";
import { type DenseMatrix, gram, matrix, sizes, transpose } from "../../../shared/linalg/matrix.ts";
import { symmetricEigen } from "../../../shared/linalg/symmetric-eigen.ts";

export interface NullSpace {
  /** P [in, in] = U₀U₀ᵀ */
  readonly projector: DenseMatrix;
  /** The number of eigenvectors in U₀. */
  readonly dimension: number;
  /** All of C's eigenvalues [in], ascending. */
  readonly eigenvalues: Float64Array;
}

/** Which directions count as unused: those with eigenvalues below a number, or a share of all, those with the smallest. */
export type UnusedBelow = number | { readonly share: number };

/**
 * AlphaEdit's projector on the directions that the text's keys hardly use: those of C's eigenvectors whose eigenvalues are
 * below `threshold`. 2e-2 is the paper's for its models; eigenvalues scale with the square of the keys, so that another
 * base needs another threshold, or a share.
 *
 * Throws `invalid_request` if no eigenvalue is below the threshold: no change would be left to make.
 *
 * @param secondMoment C [in, in]
 */
export function nullSpaceProjector(secondMoment: DenseMatrix, unused: UnusedBelow): NullSpace {
  const [size] = sizes(secondMoment);
  const { values, vectors } = symmetricEigen(secondMoment);
  const threshold = typeof unused === "number" ? unused : firstUsed(values, unused.share);
  const dimension = values.findIndex((value) => !(value < threshold));
  if (dimension === 0) {
    throw new TrimtabError(
      "invalid_request",
      `no eigenvalue of the keys' second moment is below the threshold ${threshold}: the smallest is ${values[0]}`,
      { data: { threshold, smallest: values[0] } },
    );
  }
  const count = dimension < 0 ? size : dimension;
  const null0 = matrix(count, size, vectors.data.slice(0, count * size));
  return { projector: gram(transpose(null0)), dimension: count, eigenvalues: values };
}

/** The smallest eigenvalue of a direction that counts as used; ascending values. */
function firstUsed(values: Float64Array, share: number): number {
  return values[Math.min(values.length - 1, Math.ceil(values.length * share))]!;
}
