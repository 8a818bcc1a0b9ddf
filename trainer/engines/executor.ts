import { Executor as ExecutorField } from "../../shared/api/methods.ts";
import type { Graph } from "../../shared/graph/graph.ts";
import type { Tensor } from "../../shared/tensor.ts";

export type NamedTensors = Readonly<Record<string, Tensor>>;

export interface CompileOptions {
  /** Inputs that keep one value for the program's lifetime, by name: frozen weights. */
  readonly bindings?: ReadonlyMap<string, Tensor>;
  /**
   * A row of a matrix product must be the same bits whatever other rows are computed with it, as long as there are two or more
   * and the matrix is the same. onnxruntime keeps this, if need be by using fewer threads; TensorFlow does not.
   */
  readonly steadyRows?: boolean;
}

/** The inputs of a run, by name. */
export type Feeds = Readonly<Record<string, Tensor | CacheWindow>>;

/** A compiled graph. It owns its bound tensors and whatever the backend allocated until `dispose`. */
export interface Program {
  /**
   * Runs the graph once. `feeds` has every input that is neither bound nor held, by name; the result has every output that is
   * not among `appends`. Fed tensors are only read, and the results belong to the caller.
   * Throws `invalid_graph` if a feed is missing or unknown, or has the wrong type or shape, or if an output does not fit its
   * cache.
   */
  run(feeds: Feeds, appends?: Readonly<Record<string, Append>>): Promise<Record<string, Tensor>>;
  /**
   * Sets inputs for all later runs, until they are set again: parameters that stay the same for many runs. The tensors must not
   * change in the meantime. Throws `invalid_graph` for a value that matches no input.
   */
  hold(values: NamedTensors): Promise<void>;
  dispose(): Promise<void>;
}

/** The size of a cache. */
export interface CacheShape {
  /** S: the number of sequences. */
  readonly slots: number;
  /** K */
  readonly heads: number;
  /** C: positions per sequence. */
  readonly capacity: number;
  /** W */
  readonly width: number;
}

/**
 * Keys or values of attention, f32 [S, K, C, W], in memory that the executor computes from. Programs read its slots as an input,
 * without a copy, and a run writes only new positions. It starts as zeros.
 */
export interface Cache {
  readonly shape: CacheShape;
  /** Overwrites one slot with another. */
  copy(from: number, to: number): Promise<void>;
  /** Makes room for more positions and keeps the contents. Existing windows stay valid. */
  grow(capacity: number): Promise<void>;
  dispose(): Promise<void>;
}

/** The adjacent slots `first` … `first + count − 1` of a cache; as an input, f32 [count, K, C, W]. */
export interface CacheWindow {
  readonly cache: Cache;
  readonly first: number;
  readonly count: number;
}

/**
 * Writes an output f32 [count, K, T, W] to a cache instead of returning it: row b fills T positions of the window's b-th slot,
 * starting at `at[b]`. This happens after the whole graph has run, so the graph may read the same slots.
 */
export interface Append {
  readonly window: CacheWindow;
  readonly at: readonly number[];
}

/** The executors that a job can choose. */
export type ExecutorName = ExecutorField;
export const EXECUTOR_NAMES = ExecutorField.options;

/** Compiles a graph once, so that it can be run many times. */
export interface Executor {
  readonly name: ExecutorName;
  /** The device, in the engine's own terms: `cpu`, `wasm`, `tensorflow`. */
  readonly backend: string;
  /** Something the user should know, such as that a faster backend is not installed. */
  readonly notice?: string;
  compile(graph: Graph, options?: CompileOptions): Promise<Program>;
  /** The caller disposes it. Only programs of this executor can use it. */
  createCache(shape: CacheShape): Promise<Cache>;
}
