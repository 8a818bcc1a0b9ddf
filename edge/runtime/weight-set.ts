import type { Weights } from "../../shared/model/weights.ts";
import type { OrtModule } from "./ort-module.ts";
import { type ResidentTensor, residentCopy } from "./resident-tensor.ts";

/** One model's weights in the heap: the base's, or a full fine-tune's of the same architecture. Sessions share them. */
export class WeightSet {
  readonly tensors: Readonly<Record<string, ResidentTensor>>;

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
  }

  dispose(): void {
    for (const tensor of Object.values(this.tensors)) tensor.dispose();
  }
}
