/**
 * The two ends of the model that the host changes for a row by itself. A low-rank change of the embeddings costs r·D
 * multiplications a token and one of the head r·(D + V), against the millions of the layers between them; in the graph both
 * would keep r·V numbers of the heap for every row, whether or not anybody uses them.
 */
import type { CanonicalModule } from "../../shared/delta/canonical.ts";
import type { Tensor } from "../../shared/tensor.ts";

/** target [n] += factors [r] · matrix [r, n] */
export function addProduct(target: Float32Array, factors: ArrayLike<number>, { data }: Tensor<"f32">): void {
  const width = target.length;
  for (let r = 0; r < factors.length; r++) {
    const factor = factors[r]!;
    const row = r * width;
    for (let i = 0; i < width; i++) target[i]! += factor * data[row + i]!;
  }
}

/** Makes the base's logits [V] of a hidden state [D] those of the row: s ⊙ logits + (hA)B + b. */
export function changeHead(logits: Float32Array, hidden: Float32Array, { a, b, scale, bias }: CanonicalModule): void {
  if (scale !== undefined) for (let i = 0; i < logits.length; i++) logits[i]! *= scale.data[i]!;
  if (a !== undefined && b !== undefined) addProduct(logits, timesMatrix(hidden, a), b);
  if (bias !== undefined) for (let i = 0; i < logits.length; i++) logits[i]! += bias.data[i]!;
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
