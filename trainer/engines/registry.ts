import type { Executor, ExecutorName } from "./executor.ts";

export interface ExecutorOptions {
  /** Threads within one op, if the executor supports it. */
  readonly threads: number;
  /** The tfjs backend that the TensorFlow executor must use; it chooses one by default. */
  readonly tfjsBackend?: string | undefined;
}

/** Executors are imported on demand, because each brings a runtime of many megabytes. */
const EXECUTORS: { readonly [N in ExecutorName]: (options: ExecutorOptions) => Promise<Executor> } = {
  onnxruntime: async (options) => (await import("./onnxruntime.ts")).createOnnxRuntimeExecutor(options),
  tensorflow: async (options) => (await import("./tensorflow.ts")).createTensorFlowExecutor(options),
};

/** Creates an executor. Throws `executor_missing`, saying how to install it, if it cannot be loaded. */
export function createExecutor(name: ExecutorName, options: ExecutorOptions): Promise<Executor> {
  return EXECUTORS[name](options);
}
