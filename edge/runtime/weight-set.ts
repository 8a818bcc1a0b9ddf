import { EMBEDDING, HEAD } from "../../shared/model/modules.ts";
import type { Weights } from "../../shared/model/weights.ts";
import type { OrtModule } from "./ort-module.ts";
import { type ResidentTensor, residentCopy } from "./resident-tensor.ts";

/** One model's weights in the heap: the base's, or a full fine-tune's of the same architecture. Sessions share them. */
export class WeightSet {
  readonly tensors: Readonly<Record<string, ResidentTensor>>;
  /** Those that a decode graph takes. It is given embeddings, so it has their table only where that is the head as well. */
  readonly inputs: Readonly<Record<string, ResidentTensor>>;

  /** Copies the weights. Throws `capacity_exceeded`, with nothing kept, when the heap does not hold them. */
  constructor(ort: OrtModule, weights: Weights) {
    const tensors: Record<string, ResidentTensor> = {};
    try {
      for (const [name, weight] of weights) tensors[name] = residentCopy(ort, weight);
    } catch (error) {
      for (const tensor of Object.values(tensors)) tensor.dispose();
      throw error;
    }
    this.tensors = tensors;
    const { [EMBEDDING]: _, ...others } = tensors;
    this.inputs = weights.has(HEAD) ? others : tensors;
  }

  /** A token's embedding [D] in place, good until the next run. */
  embedding(token: number): Float32Array {
    const table = this.tensors[EMBEDDING] as ResidentTensor<"f32">;
    const width = table.shape[1]!;
    return table.view().subarray(token * width, (token + 1) * width);
  }

  dispose(): void {
    for (const tensor of Object.values(this.tensors)) tensor.dispose();
  }
}
