import { TrimtabError } from "../../shared/errors.ts";
import { f32, type Tensor } from "../../shared/tensor.ts";
import type { Append, Cache, CacheShape, CacheWindow } from "./executor.ts";
import { checkAppend, windowShape } from "./feeds.ts";

/**
 * A cache in JavaScript's memory, which onnxruntime reads in place. The host copies in what a run adds: onnxruntime could write
 * into memory provided for an output, but its Node binding then copies the whole output again.
 */
export class HostCache implements Cache {
  #shape: CacheShape;
  #data: Float32Array;

  constructor(shape: CacheShape) {
    this.#shape = shape;
    this.#data = new Float32Array(shape.slots * slotSize(shape));
  }

  get shape(): CacheShape {
    return this.#shape;
  }

  /** The window's slots, without a copy: f32 [count, K, C, W]. */
  view({ first, count }: CacheWindow): Tensor<"f32"> {
    const size = slotSize(this.#shape);
    return f32(windowShape(count, this.#shape), this.#data.subarray(first * size, (first + count) * size));
  }

  /** Writes `added` [count, K, T, W] as `append` says. Throws `invalid_graph` if it does not fit. */
  append(name: string, append: Append, added: Tensor): void {
    checkAppend(name, append, added.shape);
    const { heads, capacity, width } = this.#shape;
    const run = added.shape[2]! * width;
    const source = added.data as Float32Array;
    for (const [row, start] of append.at.entries()) {
      for (let head = 0; head < heads; head++) {
        const from = (row * heads + head) * run;
        const to = (((append.window.first + row) * heads + head) * capacity + start) * width;
        this.#data.set(source.subarray(from, from + run), to);
      }
    }
  }

  async copy(from: number, to: number): Promise<void> {
    const size = slotSize(this.#shape);
    this.#data.copyWithin(to * size, from * size, (from + 1) * size);
  }

  async grow(capacity: number): Promise<void> {
    const { slots, heads, capacity: before, width } = this.#shape;
    if (capacity <= before) return;
    const data = new Float32Array(slots * heads * capacity * width);
    for (let row = 0; row < slots * heads; row++) {
      data.set(this.#data.subarray(row * before * width, (row + 1) * before * width), row * capacity * width);
    }
    this.#data = data;
    this.#shape = { ...this.#shape, capacity };
  }

  async dispose(): Promise<void> {
    this.#data = new Float32Array(0);
  }
}

/** The cache of a window, which must be one of this executor's. Throws `invalid_graph`. */
export function hostCache({ cache }: CacheWindow): HostCache {
  if (cache instanceof HostCache) return cache;
  throw new TrimtabError("invalid_graph", "a cache of another executor cannot be used here");
}

function slotSize({ heads, capacity, width }: CacheShape): number {
  return heads * capacity * width;
}
