/**
 * Changes to the embedding and the head, which the host applies per row outside the graph. A low-rank change costs r·D
 * multiplications per token for the embedding and r·(D + V) for the head, against millions for the layers between them. In the
 * graph, both would reserve r·V floats of the heap for every row, used or not.
 */
import type { CanonicalModule } from "../../shared/delta/canonical.ts";
import type { Tensor } from "../../shared/tensor.ts";
import type { RowDeltas } from "./serving-delta.ts";

/** target [n] += weight · factors [r] · matrix [r, n] */
export function addProduct(
  target: Float32Array,
  factors: ArrayLike<number>,
  { matrix: { data }, weight }: { readonly matrix: Tensor<"f32">; readonly weight: number },
): void {
  const width = target.length;
  for (let r = 0; r < factors.length; r++) {
    const factor = weight * factors[r]!;
    const row = r * width;
    for (let i = 0; i < width; i++) target[i]! += factor * data[row + i]!;
  }
}

/** A delta's change to the head, and the delta's weight. */
export interface HeadChange {
  readonly head: CanonicalModule;
  readonly weight: number;
}

export function headChanges(outerLayers: RowDeltas["outerLayers"]): HeadChange[] {
  return outerLayers.flatMap(({ layers: { head }, weight }) => (head === undefined ? [] : [{ head, weight }]));
}

/** Turns the base's logits [V] for a hidden state h [D] into the row's, in place: (1 + Σ w(s − 1)) ⊙ logits + Σ w(hA)B + Σ wb. */
export function changeHead(logits: Float32Array, hidden: Float32Array, changes: readonly HeadChange[]): void {
  const scaling = changes.flatMap(({ head: { scale }, weight }) => (scale === undefined ? [] : [{ scale, weight }]));
  if (scaling.length > 0) {
    for (let i = 0; i < logits.length; i++) {
      logits[i]! *= scaling.reduce((total, { scale, weight }) => total + weight * (scale.data[i]! - 1), 1);
    }
  }
  for (const { head, weight } of changes) {
    const { a, b, bias } = head;
    if (a !== undefined && b !== undefined) addProduct(logits, timesMatrix(hidden, a), { matrix: b, weight });
    if (bias !== undefined) for (let i = 0; i < logits.length; i++) logits[i]! += weight * bias.data[i]!;
  }
}

/** x [n] · matrix [n, r] */
function timesMatrix(x: Float32Array, { shape, data }: Tensor<"f32">): Float64Array {
  const rank = shape[1]!;
  const result = new Float64Array(rank);
  for (let i = 0; i < x.length; i++) {
    const value = x[i]!;
    for (let r = 0; r < rank; r++) result[r]! += value * data[i * rank + r]!;
  }
  return result;
}
