/**
 * Substitution with a lower triangular matrix L, in place, for right-hand sides that are rows. Four rows go together: they
 * share what is read of L, and their sums do not wait for each other.
 */

/** Rows of a row-major array: `count` of them from element `start`, `stride` apart. */
export interface RowSpan {
  readonly data: Float64Array;
  readonly start: number;
  readonly stride: number;
  readonly count: number;
}

/**
 * Replaces each row b by L⁻¹b, of which it takes the first `size` elements.
 *
 * @param lower row-major with rows of `width` elements; only the leading `size` rows are read
 */
export function solveLower(lower: Float64Array, width: number, size: number, rows: RowSpan): void {
  const { data: x, start, stride, count } = rows;
  let row = 0;
  for (; row + 4 <= count; row += 4) {
    const a = start + row * stride;
    const [b, c, d] = [a + stride, a + 2 * stride, a + 3 * stride];
    for (let j = 0; j < size; j++) {
      const at = j * width;
      let [sumA, sumB, sumC, sumD] = [x[a + j]!, x[b + j]!, x[c + j]!, x[d + j]!];
      for (let k = 0; k < j; k++) {
        const factor = lower[at + k]!;
        sumA -= factor * x[a + k]!;
        sumB -= factor * x[b + k]!;
        sumC -= factor * x[c + k]!;
        sumD -= factor * x[d + k]!;
      }
      const pivot = lower[at + j]!;
      x[a + j] = sumA / pivot;
      x[b + j] = sumB / pivot;
      x[c + j] = sumC / pivot;
      x[d + j] = sumD / pivot;
    }
  }
  for (; row < count; row++) {
    const a = start + row * stride;
    for (let j = 0; j < size; j++) {
      const at = j * width;
      let sum = x[a + j]!;
      for (let k = 0; k < j; k++) sum -= lower[at + k]! * x[a + k]!;
      x[a + j] = sum / lower[at + j]!;
    }
  }
}

/** Replaces each row b by L⁻ᵀb. Arguments as for `solveLower`. */
export function solveLowerTransposed(lower: Float64Array, width: number, size: number, rows: RowSpan): void {
  const { data: x, start, stride, count } = rows;
  let row = 0;
  for (; row + 4 <= count; row += 4) {
    const a = start + row * stride;
    const [b, c, d] = [a + stride, a + 2 * stride, a + 3 * stride];
    for (let j = size - 1; j >= 0; j--) {
      const at = j * width;
      const pivot = lower[at + j]!;
      const [xa, xb, xc, xd] = [x[a + j]! / pivot, x[b + j]! / pivot, x[c + j]! / pivot, x[d + j]! / pivot];
      x[a + j] = xa;
      x[b + j] = xb;
      x[c + j] = xc;
      x[d + j] = xd;
      for (let k = 0; k < j; k++) {
        const factor = lower[at + k]!;
        x[a + k]! -= factor * xa;
        x[b + k]! -= factor * xb;
        x[c + k]! -= factor * xc;
        x[d + k]! -= factor * xd;
      }
    }
  }
  for (; row < count; row++) {
    const a = start + row * stride;
    for (let j = size - 1; j >= 0; j--) {
      const at = j * width;
      const value = x[a + j]! / lower[at + j]!;
      x[a + j] = value;
      for (let k = 0; k < j; k++) x[a + k]! -= lower[at + k]! * value;
    }
  }
}
