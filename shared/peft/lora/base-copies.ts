/**
 * Copies of the base's embedding and head in an adapter folder. peft saves them with adapters of either, or with any adapter
 * on request, and replaces the base's tensors with them when it loads the folder.
 */
import { TrimtabError } from "../../errors.ts";
import type { SafetensorsTensor } from "../../formats/safetensors.ts";
import { checkpointPath, EMBEDDING, EMBEDDING_PATH, HEAD_PATH } from "../../model/modules.ts";
import type { Tensor } from "../../tensor.ts";
import type { AdapterTensors } from "../adapter-tensors.ts";
import type { BaseAccess } from "../method.ts";
import { type LoraAdapter, startOfLayer } from "./adapter.ts";
import { requireSameRows } from "./saved-modules.ts";
import { layerWeightName } from "./start.ts";

/** The largest rounding error of a copy's dtype, relative to each weight and, for subnormal numbers, absolute. */
const ROUNDING: Readonly<Record<string, { readonly relative: number; readonly absolute: number }>> = {
  F32: { relative: 0, absolute: 0 },
  F16: { relative: 2 ** -11, absolute: 2 ** -24 },
  BF16: { relative: 2 ** -8, absolute: 0 },
};
/** The largest difference between two computations of an adapter's initial part, relative to the largest weight. */
const DECOMPOSITION = 1e-5;

export interface CopiesOptions {
  readonly stored: ReadonlyMap<string, SafetensorsTensor>;
  /** The adapter, if its layers may have started as part of their weights. */
  readonly adapter?: LoraAdapter;
  readonly base: BaseAccess;
}

/**
 * Takes the copies. Throws `invalid_delta`, naming the tensor, for a copy that differs from the base's: a replaced matrix
 * cannot be served as an adapter.
 */
export async function requireOwnCopies(
  tensors: AdapterTensors,
  { stored, adapter, base }: CopiesOptions,
): Promise<void> {
  const { vocabSize, hiddenSize, tied } = base.config;
  for (const path of [EMBEDDING_PATH, HEAD_PATH]) {
    const name = path === EMBEDDING_PATH ? EMBEDDING : layerWeightName(path, base.config);
    for (const inside of ["base_layer.", ""]) {
      const key = `base_model.model.${checkpointPath(path)}.${inside}weight`;
      requireSameRows(tensors, key, [vocabSize, hiddenSize]);
      const copy = tensors.takeOptional(key, [vocabSize, hiddenSize]);
      if (copy === undefined) continue;
      // A part subtracted from a tied head is subtracted from the embedding too.
      const start = adapter && (await startOfLayer(adapter, tied ? HEAD_PATH : path, base));
      const expected = start === undefined ? await base.weight(name) : await residual(name, start, base);
      const { relative, absolute } = ROUNDING[stored.get(key)!.dtype]!;
      const tolerance = absolute + (start === undefined ? 0 : DECOMPOSITION * largest(expected));
      const isOwn = copy.data.every(
        (value, at) => Math.abs(value - expected.data[at]!) <= relative * Math.abs(expected.data[at]!) + tolerance,
      );
      if (isOwn) continue;
      throw new TrimtabError(
        "invalid_delta",
        `the tensor ${key} differs from the base model's, and a trained or resized matrix cannot be served. Train factors for it instead, or save with save_embedding_layers=False`,
      );
    }
  }
}

/** A matrix [V, D] minus the transposed product of factors A [D, r] and B [r, V]. */
async function residual(
  name: string,
  { a, b }: { readonly a: Tensor<"f32">; readonly b: Tensor<"f32"> },
  base: BaseAccess,
): Promise<{ readonly data: Float64Array }> {
  const data = Float64Array.from((await base.weight(name)).data);
  const [width, rank] = a.shape as [number, number];
  const rows = b.shape[1]!;
  for (let row = 0; row < rows; row++) {
    for (let k = 0; k < rank; k++) {
      const factor = b.data[k * rows + row]!;
      for (let column = 0; column < width; column++) data[row * width + column]! -= factor * a.data[column * rank + k]!;
    }
  }
  return { data };
}

function largest({ data }: { readonly data: Float32Array | Float64Array }): number {
  let found = 0;
  for (const value of data) found = Math.max(found, Math.abs(value));
  return found;
}
