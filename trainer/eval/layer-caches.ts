import type { ModelConfig } from "../../shared/model/config.ts";
import { cacheNames } from "../../shared/model/decode-graph.ts";
import type { Append, Cache, Executor, Feeds } from "../engines/executor.ts";

/** Capacities are multiples of this, so that a row's sums are added in the same order whatever its neighbours' lengths. */
const STEP = 64;
/** onnxruntime divides the product of wide heads with no more keys than `STEP` otherwise than that with more. */
const WIDE_HEAD = 128;

/** The keys and values of every layer, for the slots of a batch. */
export class LayerCaches {
  readonly #limit: number;
  readonly #layers: readonly { readonly key: Cache; readonly value: Cache }[];

  private constructor(limit: number, layers: readonly { readonly key: Cache; readonly value: Cache }[]) {
    this.#limit = limit;
    this.#layers = layers;
  }

  /** `limit`: how many positions a slot may have at most. */
  static async create(
    executor: Executor,
    config: ModelConfig,
    { slots, limit }: { readonly slots: number; readonly limit: number },
  ): Promise<LayerCaches> {
    const first = config.headDim > WIDE_HEAD ? 2 * STEP : STEP;
    const shape = { slots, heads: config.kvHeads, capacity: Math.min(first, limit), width: config.headDim };
    const layers = Array.from({ length: config.layers }, async () => {
      const [key, value] = await Promise.all([executor.createCache(shape), executor.createCache(shape)]);
      return { key, value };
    });
    return new LayerCaches(limit, await Promise.all(layers));
  }

  get slots(): number {
    return this.#layers[0]!.key.shape.slots;
  }

  /** How many positions every slot has room for now. */
  get capacity(): number {
    return this.#layers[0]!.key.shape.capacity;
  }

  /** A generation graph's cache inputs for the slots `first` … `first + count − 1`. */
  feeds(first: number, count: number): Feeds {
    return this.#named((cache, { past }) => [past, { cache, first, count }]);
  }

  /** Where a graph's new keys and values go: row b to slot `first` + b, from position `at[b]` on. */
  appends(first: number, at: readonly number[]): Readonly<Record<string, Append>> {
    return this.#named((cache, { present }) => [present, { window: { cache, first, count: at.length }, at }]);
  }

  async copy(from: number, to: number): Promise<void> {
    await this.#each((cache) => cache.copy(from, to));
  }

  /** Makes room for sequences of that length in positions, at most the limit. */
  async reserve(positions: number): Promise<void> {
    if (positions <= this.capacity) return;
    const capacity = Math.min(STEP * Math.ceil(positions / STEP), this.#limit);
    await this.#each((cache) => cache.grow(capacity));
  }

  async dispose(): Promise<void> {
    await this.#each((cache) => cache.dispose());
  }

  #named<T>(
    entry: (cache: Cache, names: { readonly past: string; readonly present: string }) => readonly [string, T],
  ): Readonly<Record<string, T>> {
    const entries = this.#layers.flatMap(({ key, value }, layer) => {
      const names = cacheNames(layer);
      return [
        entry(key, { past: names.key, present: names.nextKey }),
        entry(value, { past: names.value, present: names.nextValue }),
      ];
    });
    return Object.fromEntries(entries);
  }

  async #each(act: (cache: Cache) => Promise<void>): Promise<void> {
    for (const { key, value } of this.#layers) {
      await act(key);
      await act(value);
    }
  }
}
