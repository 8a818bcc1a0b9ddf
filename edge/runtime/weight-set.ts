import { EMBEDDING, HEAD } from "../../shared/model/modules.ts";
import type { Weights } from "../../shared/model/weights.ts";
import { elementCount } from "../../shared/tensor.ts";
import type { OrtModule } from "./ort-module.ts";
import { type ResidentTensor, residentCopy } from "./resident-tensor.ts";

/** One model's weights in the heap: the base or a full fine-tune of it. Sessions share them. */
export class WeightSet {
  readonly tensors: Readonly<Record<string, ResidentTensor>>;
  /** The decode graph's inputs. The host looks up embeddings, so the table is an input only if it is also the head. */
  readonly inputs: Readonly<Record<string, ResidentTensor>>;
  /** The same for a graph that takes rows apart: matrices of linear layers with two more axes, in the same memory. */
  readonly inputsApart: Readonly<Record<string, ResidentTensor>>;
  /** Numbers of the largest matrix of a linear layer. */
  readonly largestMatrix: number;

  readonly #windows: readonly (readonly [name: string, window: ResidentTensor])[];

  /** Copies the weights. Throws `capacity_exceeded`, freeing what it copied, if they do not fit in the heap. */
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
    const matrices = Object.entries(others).filter(([name, { shape }]) => name !== HEAD && shape.length === 2);
    this.#windows = matrices.map(([name, tensor]) => [name, tensor.window([1, 1, ...tensor.shape])]);
    this.inputsApart = { ...this.inputs, ...Object.fromEntries(this.#windows) };
    this.largestMatrix = Math.max(0, ...matrices.map(([, { shape }]) => elementCount(shape)));
  }

  /** A view of a token's embedding [D], valid until the next run. */
  embedding(token: number): Float32Array {
    const table = this.tensors[EMBEDDING] as ResidentTensor<"f32">;
    const width = table.shape[1]!;
    return table.view().subarray(token * width, (token + 1) * width);
  }

  dispose(): void {
    for (const [, window] of this.#windows) window.dispose();
    for (const tensor of Object.values(this.tensors)) tensor.dispose();
  }
}
