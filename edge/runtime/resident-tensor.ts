/** Tensors in ONNX Runtime's heap, read and written in place by JavaScript and by runs. */
import { TrimtabError } from "../../shared/errors.ts";
import { BYTES_PER_ELEMENT, type DType, elementCount, type Tensor, type TensorData } from "../../shared/tensor.ts";
import type { OrtModule } from "./ort-module.ts";

/** ONNX's element type codes. */
export const ORT_DTYPE: Readonly<Record<DType, number>> = { f32: 1, u8: 2, i32: 6, i64: 7, bool: 9, f64: 11 };

const LOCATION_CPU = 1;

const VIEWS: { readonly [D in DType]: (buffer: ArrayBuffer, byteOffset: number, length: number) => TensorData[D] } = {
  f32: (buffer, byteOffset, length) => new Float32Array(buffer, byteOffset, length),
  f64: (buffer, byteOffset, length) => new Float64Array(buffer, byteOffset, length),
  i32: (buffer, byteOffset, length) => new Int32Array(buffer, byteOffset, length),
  i64: (buffer, byteOffset, length) => new BigInt64Array(buffer, byteOffset, length),
  u8: (buffer, byteOffset, length) => new Uint8Array(buffer, byteOffset, length),
  bool: (buffer, byteOffset, length) => new Uint8Array(buffer, byteOffset, length),
};

/** Memory shared by a tensor and its windows, and freed when the last of them is disposed. */
interface Block {
  readonly pointer: number;
  readonly byteLength: number;
  holders: number;
}

/**
 * Allocates a tensor of the given shape in the heap. Its contents are undefined.
 * Throws `capacity_exceeded`, with nothing allocated, if that would exceed the heap limit.
 */
export function allocateTensor<D extends DType>(ort: OrtModule, dtype: D, shape: readonly number[]): ResidentTensor<D> {
  const byteLength = elementCount(shape) * BYTES_PER_ELEMENT[dtype];
  const block: Block = { pointer: ort.allocateResident(byteLength), byteLength, holders: 0 };
  try {
    return new ResidentTensor(ort, block, dtype, shape, 0);
  } catch (error) {
    ort.freeResident(block.pointer, byteLength);
    throw error;
  }
}

/** Allocates a tensor and copies `source` into it. Throws `capacity_exceeded` as `allocateTensor` does. */
export function residentCopy<D extends DType>(ort: OrtModule, source: Tensor<D>): ResidentTensor<D> {
  const resident = allocateTensor(ort, source.dtype as D, source.shape);
  (resident.view() as { set(values: TensorData[D]): void }).set(source.data);
  return resident;
}

export class ResidentTensor<D extends DType = DType> {
  readonly dtype: D;
  readonly shape: readonly number[];
  /** Address of the first element in the heap. */
  readonly byteOffset: number;
  readonly byteLength: number;
  readonly #ort: OrtModule;
  readonly #block: Block;
  #handle: number;
  #view: TensorData[D] | undefined;

  /** Use `allocateTensor`, `residentCopy` or `window`. */
  constructor(ort: OrtModule, block: Block, dtype: D, shape: readonly number[], blockOffset: number) {
    this.#ort = ort;
    this.#block = block;
    this.dtype = dtype;
    this.shape = [...shape];
    this.byteOffset = block.pointer + blockOffset;
    this.byteLength = elementCount(shape) * BYTES_PER_ELEMENT[dtype];
    this.#handle = ort.withStack(Math.max(shape.length, 1), (dims) => {
      ort.words().set(shape, dims / 4);
      return ort.api._OrtCreateTensor(
        ORT_DTYPE[dtype],
        this.byteOffset,
        this.byteLength,
        dims,
        shape.length,
        LOCATION_CPU,
      );
    });
    if (this.#handle === 0) throw ort.lastError(`could not create a ${dtype} tensor of shape [${shape.join(", ")}]`);
    block.holders++;
  }

  /** ONNX Runtime's handle for this tensor. Throws `internal_error` after `dispose`. */
  get handle(): number {
    if (this.#handle === 0) throw this.#disposed();
    return this.#handle;
  }

  /**
   * A view of the elements. Do not keep it: any allocation, session or run may grow the heap, which detaches earlier views.
   * Throws `internal_error` after `dispose`.
   */
  view(): TensorData[D] {
    if (this.#handle === 0) throw this.#disposed();
    if (this.#view === undefined || this.#view.buffer !== this.#ort.buffer) {
      this.#view = VIEWS[this.dtype](this.#ort.buffer, this.byteOffset, elementCount(this.shape));
    }
    return this.#view;
  }

  /**
   * A tensor of the given shape over the same memory, starting at element `first`. Copies nothing. The memory lives until the
   * tensor and all its windows are disposed. Throws `invalid_graph` if the window does not lie within the tensor.
   */
  window(shape: readonly number[], first = 0): ResidentTensor<D> {
    if (this.#handle === 0) throw this.#disposed();
    const size = BYTES_PER_ELEMENT[this.dtype];
    if (first < 0 || (first + elementCount(shape)) * size > this.byteLength) {
      throw new TrimtabError(
        "invalid_graph",
        `a window of shape [${shape.join(", ")}] at element ${first} does not fit in a tensor of shape [${this.shape.join(", ")}]`,
      );
    }
    return new ResidentTensor(
      this.#ort,
      this.#block,
      this.dtype,
      shape,
      this.byteOffset - this.#block.pointer + first * size,
    );
  }

  /** Releases the handle, and the memory if no other window uses it. Further calls do nothing. */
  dispose(): void {
    if (this.#handle === 0) return;
    this.#ort.api._OrtReleaseTensor(this.#handle);
    this.#handle = 0;
    this.#view = undefined;
    this.#block.holders--;
    if (this.#block.holders === 0) this.#ort.freeResident(this.#block.pointer, this.#block.byteLength);
  }

  #disposed(): TrimtabError {
    return new TrimtabError(
      "internal_error",
      `a resident tensor of shape [${this.shape.join(", ")}] was used after disposal`,
    );
  }
}
