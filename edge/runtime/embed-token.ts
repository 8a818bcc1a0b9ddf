import { addProduct } from "./host-changes.ts";
import type { RowDeltas } from "./serving-delta.ts";
import type { WeightSet } from "./weight-set.ts";

interface Embedded {
  readonly token: number;
  readonly weights: Pick<WeightSet, "embedding">;
  readonly deltas: Pick<RowDeltas, "outerLayers">;
}

/** Sets `target` [D] to a token's embedding, as its row has it. */
export function embedToken(target: Float32Array, { token, weights, deltas }: Embedded): void {
  target.set(weights.embedding(token));
  for (const { layers, weight } of deltas.outerLayers) {
    if (layers.embedding === undefined) continue;
    const { a, b } = layers.embedding;
    const rank = b.shape[0]!;
    addProduct(target, a.data.subarray(token * rank, (token + 1) * rank), { matrix: b, weight });
  }
}
