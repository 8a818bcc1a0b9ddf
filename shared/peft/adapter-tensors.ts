import { TrimtabError } from "../errors.ts";
import { type SafetensorsTensor, toF32 } from "../formats/safetensors.ts";
import { quoteName } from "../formats/strict-json.ts";
import { f32, type Tensor } from "../tensor.ts";
import { ADAPTER_WEIGHTS } from "./adapter-folder.ts";

/** A size fixed by the base, or the name of a size that the adapter is free to choose. */
export type ExpectedSize = number | string;

/** The placeholder that DeepSpeed saves for a weight sharded across GPUs. */
const EMPTY_TENSOR =
  "it is empty, as ZeRO stage 3 saves weights that are spread over GPUs; save the adapter with stage3_gather_16bit_weights_on_model_save, or run zero_to_fp32.py";

/**
 * The tensors of an adapter, taken one by one; `done` rejects leftovers, so that none is overlooked. `take` mutates this
 * object. All errors are `invalid_delta` and name the tensor.
 */
export class AdapterTensors {
  readonly #unread: Map<string, SafetensorsTensor>;
  readonly #fileName: string;
  readonly #all: number;

  constructor(tensors: ReadonlyMap<string, SafetensorsTensor>, fileName: string = ADAPTER_WEIGHTS) {
    this.#unread = new Map(tensors);
    this.#fileName = fileName;
    this.#all = tensors.size;
  }

  has(key: string): boolean {
    return this.#unread.has(key);
  }

  /** The keys of the tensors not yet taken. */
  keys(): string[] {
    return [...this.#unread.keys()];
  }

  /** The shape of a tensor not yet taken. */
  shapeOf(key: string): readonly number[] | undefined {
    return this.#unread.get(key)?.shape;
  }

  /** Takes a tensor, widened to float32. Named sizes may be anything from 1 up. */
  take(key: string, expected: readonly ExpectedSize[]): Tensor<"f32"> {
    const tensor = this.#unread.get(key);
    if (tensor === undefined) throw refuse(`${this.#fileName} lacks the tensor ${key}${this.#unfitting()}`);
    this.#unread.delete(key);
    const { dtype, shape } = tensor;
    if (dtype !== "F32" && dtype !== "F16" && dtype !== "BF16") {
      throw refuse(`the tensor ${key} has dtype ${dtype}; save the adapter as F32, F16 or BF16`);
    }
    const fits =
      shape.length === expected.length &&
      shape.every((size, axis) => (typeof expected[axis] === "string" ? size > 0 : size === expected[axis]));
    if (!fits) {
      throw refuse(
        `the tensor ${key} has shape [${shape.join(", ")}], but the base model needs [${expected.join(", ")}]; ` +
          (shape.includes(0) ? EMPTY_TENSOR : "was the adapter made for another base?"),
      );
    }
    return f32(shape, toF32(tensor));
  }

  /** Where no tensor has fitted at all, which of them was there instead of the one that is missing. */
  #unfitting(): string {
    const first = this.keys()[0];
    if (first === undefined) return "; the file has no tensors";
    if (this.#unread.size < this.#all) return "";
    const mlx = /\.lora_[ab]$/.test(first) ? ", in MLX's layout, which has to be converted to peft's" : "";
    return `; none of its ${this.#all} tensors fits this base model, and the first is ${quoteName(first)}${mlx}`;
  }

  takeOptional(key: string, expected: readonly ExpectedSize[]): Tensor<"f32"> | undefined {
    return this.has(key) ? this.take(key, expected) : undefined;
  }

  /** Throws if any tensor has not been taken. */
  done(): void {
    const [key] = this.#unread.keys();
    if (key !== undefined)
      throw refuse(`the tensor ${quoteName(key)} matches no part of the adapter on this base model`);
  }
}

function refuse(problem: string): TrimtabError {
  return new TrimtabError("invalid_delta", problem);
}
