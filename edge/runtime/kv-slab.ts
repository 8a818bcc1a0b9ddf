import type { ModelConfig } from "../../shared/model/config.ts";
import { cacheNames, cacheWidth } from "../../shared/model/decode-graph.ts";
import type { OrtModule } from "./ort-module.ts";
import { allocateTensor, type ResidentTensor } from "./resident-tensor.ts";
import type { NamedTensors } from "./session.ts";

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
  readonly #windows = new Map<string, CacheWindow>();

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
    return config.layers * 2 * config.kvHeads * capacity * cacheWidth(config) * 4;
  }

  /** Slots `first` … `first + count − 1`. The slab keeps and owns the result. */
  window(first: number, count: number): CacheWindow {
    const id = `${first}+${count}`;
    const known = this.#windows.get(id);
    if (known !== undefined) return known;
    const past: Record<string, ResidentTensor> = {};
    const present: Record<string, ResidentTensor> = {};
    const shape = [count, this.#config.kvHeads, this.capacity, cacheWidth(this.#config)];
    this.#layers.forEach(({ key, value }, layer) => {
      const names = cacheNames(layer);
      present[names.nextKey] = past[names.key] = key.window(shape, first * this.#slotElements);
      present[names.nextValue] = past[names.value] = value.window(shape, first * this.#slotElements);
    });
    const window = { past, present };
    this.#windows.set(id, window);
    return window;
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

  /** Overwrites a slot with zeros, so that nothing of a row stays behind when it leaves. */
  clear(slot: number): void {
    for (const { key, value } of this.#layers) {
      for (const tensor of [key, value])
        tensor.view().fill(0, slot * this.#slotElements, (slot + 1) * this.#slotElements);
    }
  }

  get #slotElements(): number {
    return this.#config.kvHeads * this.capacity * cacheWidth(this.#config);
  }
}
