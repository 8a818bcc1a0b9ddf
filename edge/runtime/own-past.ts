import type { ModelConfig } from "../../shared/model/config.ts";
import { pastNames } from "../../shared/model/one-token.ts";
import type { KvSlab } from "./kv-slab.ts";
import type { OrtModule } from "./ort-module.ts";
import { allocateTensor, type ResidentTensor } from "./resident-tensor.ts";
import type { NamedTensors } from "./session.ts";

/** One layer's keys and values. */
export interface LayerPast {
  readonly key: ResidentTensor<"f32">;
  readonly value: ResidentTensor<"f32">;
}

/** Bytes of one past with that many places. */
export function pastBytes({ layers, kvHeads, headDim }: ModelConfig, places: number): number {
  return 4 * 2 * layers * kvHeads * headDim * places;
}

/**
 * A row's keys and values outside of the slab, where they may differ from what the row computed: of each layer two tensors
 * [K, N, P], closely packed (K key/value heads, N places, P width of a head).
 */
export class OwnPast {
  readonly #config: ModelConfig;
  readonly #memory: readonly LayerPast[];
  #windows: readonly LayerPast[] = [];
  #places = 0;

  /** Room for `capacity` places. Throws `capacity_exceeded`, with nothing allocated, if the heap has none. */
  constructor(ort: OrtModule, config: ModelConfig, capacity: number) {
    this.#config = config;
    const allocated: ResidentTensor<"f32">[] = [];
    const allocate = () => {
      const tensor = allocateTensor(ort, "f32", [config.kvHeads * capacity * config.headDim]);
      allocated.push(tensor);
      return tensor;
    };
    try {
      this.#memory = Array.from({ length: config.layers }, () => ({ key: allocate(), value: allocate() }));
    } catch (error) {
      for (const tensor of allocated) tensor.dispose();
      throw error;
    }
  }

  get places(): number {
    return this.#places;
  }

  /** Of every layer, the places that are in use. Valid until `grow`. */
  get layers(): readonly LayerPast[] {
    return this.#windows;
  }

  /** The layers under the names of a pass's inputs. */
  named(prefix: string): NamedTensors {
    const named = this.#windows.flatMap(({ key, value }, layer) => {
      const names = pastNames(layer, prefix);
      return [
        [names.key, key],
        [names.value, value],
      ] as const;
    });
    return Object.fromEntries(named);
  }

  /** Makes it `places` places long; new ones hold zeros. */
  grow(places: number): void {
    const { kvHeads, headDim } = this.#config;
    const [from, to] = [this.#places * headDim, places * headDim];
    for (const tensors of this.#windows) disposeBoth(tensors);
    for (const { key, value } of this.#memory) {
      for (const view of [key.view(), value.view()]) {
        // From the last head to the first: every head moves up, over what has moved already.
        for (let head = kvHeads - 1; head >= 0; head--) {
          view.copyWithin(head * to, head * from, (head + 1) * from);
          view.fill(0, head * to + from, (head + 1) * to);
        }
      }
    }
    this.#places = places;
    const shape = [kvHeads, places, headDim];
    this.#windows = this.#memory.map(({ key, value }) => ({ key: key.window(shape), value: value.window(shape) }));
  }

  /** Copies positions of a row's cache to the same places. */
  take(slab: Pick<KvSlab, "read">, slot: number, range: { readonly from: number; readonly to: number }): void {
    for (const [layer, { key, value }] of this.#windows.entries()) {
      slab.read(slot, layer, range, { key: key.view(), value: value.view() });
    }
  }

  /** Sets one place to the keys and values [K, 1, P] of every layer. */
  put(place: number, own: readonly LayerPast[]): void {
    const { kvHeads, headDim } = this.#config;
    for (const [layer, window] of this.#windows.entries()) {
      for (const part of ["key", "value"] as const) {
        const [target, source] = [window[part].view(), own[layer]![part].view()];
        for (let head = 0; head < kvHeads; head++) {
          const at = (head * this.#places + place) * headDim;
          target.set(source.subarray(head * headDim, (head + 1) * headDim), at);
        }
      }
    }
  }

  dispose(): void {
    for (const tensors of [...this.#windows, ...this.#memory]) disposeBoth(tensors);
    this.#windows = [];
  }
}

export function disposeBoth({ key, value }: LayerPast): void {
  key.dispose();
  value.dispose();
}
