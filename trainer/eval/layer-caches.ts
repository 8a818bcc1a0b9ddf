import type { ModelConfig } from "../../shared/model/config.ts";
import { cacheNames } from "../../shared/model/decode-graph.ts";
import { zeros } from "../../shared/tensor.ts";
import type { Append, Cache, Executor, Feeds } from "../engines/executor.ts";

/** Capacities are multiples of this, so that a row's sums are added in the same order whatever its neighbours' lengths. */
const STEP = 64;

/** The keys and values of every layer, for the slots of a batch. */
export class LayerCaches {
  readonly #config: ModelConfig;
  readonly #layers: readonly { readonly key: Cache; readonly value: Cache }[];

  private constructor(config: ModelConfig, layers: readonly { readonly key: Cache; readonly value: Cache }[]) {
    this.#config = config;
    this.#layers = layers;
  }

  static async create(executor: Executor, config: ModelConfig, slots: number): Promise<LayerCaches> {
    const shape = { slots, heads: config.kvHeads, capacity: STEP, width: config.headDim };
    const layers = Array.from({ length: config.layers }, async () => {
      const [key, value] = await Promise.all([executor.createCache(shape), executor.createCache(shape)]);
      return { key, value };
    });
    return new LayerCaches(config, await Promise.all(layers));
  }

  /** How many positions every slot has room for now. */
  get capacity(): number {
    return this.#layers[0]!.key.shape.capacity;
  }

  /** A generation graph's cache inputs for the slots `first` … `first + count − 1`. */
  feeds(first: number, count: number): Feeds {
    return this.#named((cache, { past }) => [past, { cache, first, count }]);
  }

  /** The same if the rows should see nothing cached: a single position, to be masked. */
  nothing(count: number): Feeds {
    const blank = zeros([count, this.#config.kvHeads, 1, this.#config.headDim]);
    return this.#named((_, { past }) => [past, blank]);
  }

  /** Where a graph's new keys and values go: row b to slot `first` + b, from position `at[b]` on. */
  appends(first: number, at: readonly number[]): Readonly<Record<string, Append>> {
    return this.#named((cache, { present }) => [present, { window: { cache, first, count: at.length }, at }]);
  }

  async copy(from: number, to: number): Promise<void> {
    await this.#each((cache) => cache.copy(from, to));
  }

  /** Makes room for sequences of that length in positions. */
  async reserve(positions: number): Promise<void> {
    if (positions <= this.capacity) return;
    await this.#each((cache) => cache.grow(STEP * Math.ceil(positions / STEP)));
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
