import { Executor as ExecutorField } from "../../shared/api/methods.ts";
import type { Graph } from "../../shared/graph/graph.ts";
import type { Tensor } from "../../shared/tensor.ts";

export type NamedTensors = Readonly<Record<string, Tensor>>;

export interface CompileOptions {
  /** Inputs that keep one value for the program's whole life, by name: frozen weights. */
  readonly bindings?: ReadonlyMap<string, Tensor>;
}

/** What a run takes, by the names of the inputs. */
export type Feeds = Readonly<Record<string, Tensor | CacheWindow>>;

/** A compiled graph. It owns its bound tensors and whatever the backend allocated until `dispose`. */
export interface Program {
  /**
   * Runs the graph once. `feeds` holds every input that is neither bound nor held, by name; the result holds every output
   * that is not among `appends`. Fed tensors are only read, and the results belong to the caller.
   * Throws `invalid_graph` when a feed is missing, unknown or of another type or shape, or an output does not fit its cache.
   */
  run(feeds: Feeds, appends?: Readonly<Record<string, Append>>): Promise<Record<string, Tensor>>;
  /**
   * Keeps values for these inputs from run to run, until it is given others: parameters that stay the same for many runs. They
   * may not be changed meanwhile. Throws `invalid_graph` for one that fits no input.
   */
  hold(values: NamedTensors): Promise<void>;
  dispose(): Promise<void>;
}

/** The size of a cache. */
export interface CacheShape {
  /** S: how many sequences it has room for. */
  readonly slots: number;
  /** K */
  readonly heads: number;
  /** C: positions of each sequence. */
  readonly capacity: number;
  /** W */
  readonly width: number;
}

/**
 * Keys or values of attention, f32 [S, K, C, W], in memory where the executor computes. Programs read slots of it as an input
 * without copying them, and only what is new in a run is written. It starts as zeros.
 */
export interface Cache {
  readonly shape: CacheShape;
  /** Overwrites one slot with another. */
  copy(from: number, to: number): Promise<void>;
  /** Makes room for more positions; what is there stays. Windows made before keep working. */
  grow(capacity: number): Promise<void>;
  dispose(): Promise<void>;
}

/** The neighbouring slots `first` … `first + count − 1` of a cache: as an input, f32 [count, K, C, W]. */
export interface CacheWindow {
  readonly cache: Cache;
  readonly first: number;
  readonly count: number;
}

/**
 * Where an output f32 [count, K, T, W] goes in place of the result: row b fills the T positions of the window's b-th slot that
 * begin at `at[b]`. It is written after the whole graph has run, so that the graph may read the same slots.
 */
export interface Append {
  readonly window: CacheWindow;
  readonly at: readonly number[];
}

/** What a job may ask for. */
export type ExecutorName = ExecutorField;
export const EXECUTOR_NAMES = ExecutorField.options;

/** Compiles a graph once, so that it can be run many times. */
export interface Executor {
  readonly name: ExecutorName;
  /** What computes, by the engine's own name for it: `cpu`, `wasm`, `tensorflow`. */
  readonly backend: string;
  /** What a person should know about the choice, such as that a faster backend is not installed. */
  readonly notice?: string;
  compile(graph: Graph, options?: CompileOptions): Promise<Program>;
  /** The caller disposes of it. Only programs of this executor can use it. */
  createCache(shape: CacheShape): Promise<Cache>;
}
