import * as tf from "@tensorflow/tfjs-core";
import { TrimtabError } from "../../shared/errors.ts";
import type { Append, Cache, CacheShape, CacheWindow } from "./executor.ts";
import { checkAppend, windowShape } from "./feeds.ts";
import { onBackend, type TfjsBackend } from "./tensorflow-backend.ts";
import { placedAt } from "./tensorflow-ops.ts";

/**
 * A cache that stays on a tfjs backend. Tensors there are immutable, so writing makes a new one; only positions come from
 * JavaScript.
 */
export class TensorFlowCache implements Cache {
  readonly backend: TfjsBackend;
  #shape: CacheShape;
  #tensor: tf.Tensor;

  private constructor(shape: CacheShape, tensor: tf.Tensor, backend: TfjsBackend) {
    this.#shape = shape;
    this.#tensor = tensor;
    this.backend = backend;
  }

  static create(shape: CacheShape, backend: TfjsBackend): Promise<TensorFlowCache> {
    return onBackend(backend, () => new TensorFlowCache(shape, tf.zeros(windowShape(shape.slots, shape)), backend));
  }

  get shape(): CacheShape {
    return this.#shape;
  }

  /** The window's slots as a separate tensor, [count, K, C, W]. Must be called while the backend is active. */
  view({ first, count }: CacheWindow): tf.Tensor {
    return tf.slice(this.#tensor, [first, 0, 0, 0], windowShape(count, this.#shape));
  }

  /**
   * Writes `added` [count, K, T, W] as `append` says. Must be called while the backend is active. Throws `invalid_graph` if it
   * does not fit.
   */
  append(name: string, append: Append, added: tf.Tensor): void {
    checkAppend(name, append, added.shape);
    const { window, at } = append;
    const tokens = added.shape[2]!;
    const positions = tf.tidy(() =>
      tf.add(tf.tensor2d([...at], [at.length, 1], "int32"), tf.reshape(tf.range(0, tokens, 1, "int32"), [1, tokens])),
    );
    this.#replace(() => this.#withSlots(window.first, placedAt(this.view(window), added, positions)));
    positions.dispose();
  }

  copy(from: number, to: number): Promise<void> {
    return onBackend(this.backend, () =>
      this.#replace(() => this.#withSlots(to, this.view({ cache: this, first: from, count: 1 }))),
    );
  }

  async grow(capacity: number): Promise<void> {
    const more = capacity - this.#shape.capacity;
    if (more <= 0) return;
    await onBackend(this.backend, () =>
      this.#replace(() =>
        tf.pad(this.#tensor, [
          [0, 0],
          [0, 0],
          [0, more],
          [0, 0],
        ]),
      ),
    );
    this.#shape = { ...this.#shape, capacity };
  }

  async dispose(): Promise<void> {
    this.#tensor.dispose();
  }

  /** The whole cache, with the slots from `first` on replaced. */
  #withSlots(first: number, slots: tf.Tensor): tf.Tensor {
    const all = this.#shape.slots;
    const end = first + slots.shape[0]!;
    const part = (from: number, to: number) =>
      from === to ? [] : [this.view({ cache: this, first: from, count: to - from })];
    return tf.concat([...part(0, first), slots, ...part(end, all)], 0);
  }

  #replace(make: () => tf.Tensor): void {
    const next = tf.tidy(make);
    this.#tensor.dispose();
    this.#tensor = next;
  }
}

/** The cache of a window, which must be on that backend. Throws `invalid_graph`. */
export function tensorFlowCache({ cache }: CacheWindow, backend: TfjsBackend): TensorFlowCache {
  if (cache instanceof TensorFlowCache && cache.backend === backend) return cache;
  throw new TrimtabError("invalid_graph", "a cache of another executor cannot be used here");
}
