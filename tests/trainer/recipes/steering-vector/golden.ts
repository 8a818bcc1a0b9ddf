import { readGoldenJson } from "../../golden-llama.ts";

interface Packed {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

/** What PyTorch read from the golden decoder and made of it. */
export interface SteeringGolden {
  /** Pairs of texts as token ids, the positive one first. */
  readonly pairs: readonly (readonly [positive: readonly number[], negative: readonly number[]])[];
  /** The mean length of the stream after each layer, over all tokens but each text's first. */
  readonly streamNorms: readonly number[];
  readonly vectors: readonly {
    readonly layer: number;
    readonly position: "last" | "mean";
    readonly mean_difference: Packed;
    readonly pca: Packed;
  }[];
  readonly ids: readonly number[];
  /** Logits [T, V] of `ids` with a multiple of the mean difference of last tokens added after a layer. */
  readonly steered: readonly { readonly layer: number; readonly strength: number; readonly logits: Packed }[];
}

export const STEERING_GOLDEN = readGoldenJson<SteeringGolden>("steering-vector/golden.json");

/** ‖a − b‖ / ‖b‖ */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let difference = 0;
  let size = 0;
  for (let at = 0; at < b.length; at++) {
    difference += (a[at]! - b[at]!) ** 2;
    size += b[at]! ** 2;
  }
  return Math.sqrt(difference / size);
}
