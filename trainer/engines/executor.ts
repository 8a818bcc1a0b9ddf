import { Executor as ExecutorField } from "../../shared/api/methods.ts";
import type { Graph } from "../../shared/graph/graph.ts";
import type { Tensor } from "../../shared/tensor.ts";

export type NamedTensors = Readonly<Record<string, Tensor>>;

export interface CompileOptions {
  /** Inputs that keep one value for the program's whole life, by name: frozen weights. */
  readonly bindings?: ReadonlyMap<string, Tensor>;
}

/** A compiled graph. It owns its bound tensors and whatever the backend allocated until `dispose`. */
export interface Program {
  /**
   * Runs the graph once. `feeds` holds every input that is not bound, by name; the result holds every output. Fed
   * tensors are only read, and the results belong to the caller.
   * Throws `invalid_graph` when a feed is missing, unknown or of another type or shape.
   */
  run(feeds: NamedTensors): Promise<Record<string, Tensor>>;
  dispose(): Promise<void>;
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
}
