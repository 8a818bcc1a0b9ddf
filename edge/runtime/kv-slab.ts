import type { CanonicalDelta } from "../../shared/delta/canonical.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import { cacheNames, cacheWidth } from "../../shared/model/decode-graph.ts";
import type { OrtModule } from "./ort-module.ts";
import { allocateTensor, type ResidentTensor } from "./resident-tensor.ts";
import type { NamedTensors } from "./session.ts";
import { cacheBytes } from "./slot-sizes.ts";
import { WindowCache } from "./window-cache.ts";

const WINDOWS = 48;

/** A window over neighbouring slots of every layer's cache, under the names that a decode graph takes and gives. */
export interface CacheWindow {
  readonly past: NamedTensors;
  readonly present: NamedTensors;
}

/**
 * The key/value cache of every slot: per layer and kind one [slots, K, C, W] tensor (K key/value heads, C capacity in
 * tokens, W a head's width in the cache). A window over slots costs nothing, so one row prefills while its neighbours decode.
 */
export class KvSlab {
  readonly slots: number;
  readonly capacity: number;
  readonly #config: ModelConfig;
  readonly #layers: readonly { readonly key: ResidentTensor<"f32">; readonly value: ResidentTensor<"f32"> }[];
  readonly #past = new WindowCache(WINDOWS);

  constructor(ort: OrtModule, config: ModelConfig, { slots, capacity }: { slots: number; capacity: number }) {
    this.slots = slots;
    this.capacity = capacity;
    this.#config = config;
    const shape = [slots, config.kvHeads, capacity, cacheWidth(config)];
    this.#layers = Array.from({ length: config.layers }, () => {
      const [key, value] = [allocateTensor(ort, "f32", shape), allocateTensor(ort, "f32", shape)];
      // What was never written is masked, but masking multiplies by 0, and 0 · NaN is NaN.
      key.view().fill(0);
      value.view().fill(0);
      return { key, value };
    });
  }

  /** Bytes that one slot takes. */
  static bytesPerSlot(config: ModelConfig, capacity: number): number {
    return cacheBytes(config, capacity);
  }

  /** Slots `first` … `first + count − 1`. The slab keeps and owns the tensors. */
  window(first: number, count: number): CacheWindow {
    const shape = [count, this.#config.kvHeads, this.capacity, cacheWidth(this.#config)];
    const at = first * this.#slotElements;
    const past = this.#past.get(`${first}+${count}`, () => {
      const named = this.#layers.flatMap(({ key, value }, layer) => {
        const names = cacheNames(layer);
        return [
          [names.key, key.window(shape, at)],
          [names.value, value.window(shape, at)],
        ] as const;
      });
      return Object.fromEntries(named);
    });
    const present = this.#layers.flatMap((_, layer) => {
      const names = cacheNames(layer);
      return [
        [names.nextKey, past[names.key]!],
        [names.nextValue, past[names.value]!],
      ] as const;
    });
    return { past, present: Object.fromEntries(present) };
  }

  /**
   * Fills a slot's first positions with keys, as attention compares them, and values: [n, K·P] of each layer (n positions, P a
   * head's own width, which lies in the cache with zeros behind each half).
   */
  writePrefix(slot: number, prefix: NonNullable<CanonicalDelta["prefix"]>): void {
    const { kvHeads, headDim } = this.#config;
    const width = cacheWidth(this.#config);
    const half = headDim / 2;
    for (const [layer, pair] of prefix.entries()) {
      for (const part of ["key", "value"] as const) {
        const view = this.#layers[layer]![part].view();
        const { shape, data } = pair[part];
        for (let position = 0; position < shape[0]!; position++) {
          for (let head = 0; head < kvHeads; head++) {
            const from = (position * kvHeads + head) * headDim;
            const to = slot * this.#slotElements + (head * this.capacity + position) * width;
            view.fill(0, to, to + width);
            view.set(data.subarray(from, from + half), to);
            view.set(data.subarray(from + half, from + headDim), to + width / 2);
          }
        }
      }
    }
  }

  /**
   * Copies one layer's positions of a slot to the same places of `target`: keys and values [K, N, P] without the cache's zeros
   * inside heads.
   */
  read(
    slot: number,
    layer: number,
    { from, to }: { readonly from: number; readonly to: number },
    target: { readonly key: Float32Array; readonly value: Float32Array },
  ): void {
    const { kvHeads, headDim } = this.#config;
    const width = cacheWidth(this.#config);
    const half = headDim / 2;
    for (const part of ["key", "value"] as const) {
      const view = this.#layers[layer]![part].view();
      const places = target[part].length / (kvHeads * headDim);
      for (let head = 0; head < kvHeads; head++) {
        for (let position = from; position < to; position++) {
          const source = slot * this.#slotElements + (head * this.capacity + position) * width;
          const at = (head * places + position) * headDim;
          target[part].set(view.subarray(source, source + half), at);
          target[part].set(view.subarray(source + width / 2, source + width / 2 + half), at + half);
        }
      }
    }
  }

  /** Bytes of what `save` gives. */
  savedBytes(length: number): number {
    return cacheBytes(this.#config, length);
  }

  /** A copy of a slot's first `length` positions, bit by bit: of each layer keys and then values, [K, length, W]. */
  save(slot: number, length: number): Float32Array {
    const saved = new Float32Array(this.savedBytes(length) / Float32Array.BYTES_PER_ELEMENT);
    this.#eachHead(slot, length, (view, from, at) => saved.set(view.subarray(from, from + at.size), at.start));
    return saved;
  }

  /** Fills a slot's first `length` positions with what `save` gave. */
  restore(slot: number, saved: Float32Array, length: number): void {
    this.#eachHead(slot, length, (view, from, at) => view.set(saved.subarray(at.start, at.start + at.size), from));
  }

  /** Visits the first `length` positions of every head of a slot, and where they are in what is saved. */
  #eachHead(
    slot: number,
    length: number,
    visit: (view: Float32Array, from: number, at: { readonly start: number; readonly size: number }) => void,
  ): void {
    const width = cacheWidth(this.#config);
    const size = length * width;
    let start = 0;
    for (const { key, value } of this.#layers) {
      for (const tensor of [key, value]) {
        const view = tensor.view();
        for (let head = 0; head < this.#config.kvHeads; head++) {
          visit(view, slot * this.#slotElements + head * this.capacity * width, { start, size });
          start += size;
        }
      }
    }
  }

  /** Copies the first `length` positions of one slot over another's. */
  copy(from: number, to: number, length: number): void {
    const width = cacheWidth(this.#config);
    const head = this.capacity * width;
    for (const { key, value } of this.#layers) {
      for (const tensor of [key, value]) {
        const view = tensor.view();
        for (let h = 0; h < this.#config.kvHeads; h++) {
          const source = from * this.#slotElements + h * head;
          view.copyWithin(to * this.#slotElements + h * head, source, source + length * width);
        }
      }
    }
  }

  /** Overwrites positions of a slot with zeros, so that nothing of a row stays behind when it leaves; all when left out. */
  clear(slot: number, { from, to } = { from: 0, to: this.capacity }): void {
    const width = cacheWidth(this.#config);
    const end = Math.min(to, this.capacity);
    for (const { key, value } of this.#layers) {
      for (const tensor of [key, value]) {
        const view = tensor.view();
        for (let head = 0; head < this.#config.kvHeads; head++) {
          const start = slot * this.#slotElements + head * this.capacity * width;
          if (from < end) view.fill(0, start + from * width, start + end * width);
        }
      }
    }
  }

  get #slotElements(): number {
    return this.#config.kvHeads * this.capacity * cacheWidth(this.#config);
  }
}
