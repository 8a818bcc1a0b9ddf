import { Executor as ExecutorField } from "../../shared/api/methods.ts";
import type { Graph } from "../../shared/graph/graph.ts";
import type { Tensor } from "../../shared/tensor.ts";

export type NamedTensors = Readonly<Record<string, Tensor>>;

export interface CompileOptions {
  /** Inputs that keep one value for the program's lifetime, by name: frozen weights. */
  readonly bindings?: ReadonlyMap<string, Tensor>;
}

/** A compiled graph. It owns its bound tensors and whatever the backend allocated until `dispose`. */
export interface Program {
  /**
   * Runs the graph once. `feeds` has every unbound input by name; the result has every output. Fed tensors are only read, and
   * the results belong to the caller.
   * Throws `invalid_graph` if a feed is missing or unknown, or has the wrong type or shape.
   */
  run(feeds: NamedTensors): Promise<Record<string, Tensor>>;
  dispose(): Promise<void>;
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
}
