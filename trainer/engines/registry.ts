import type { Executor, ExecutorName } from "./executor.ts";

export interface ExecutorOptions {
  /** Threads inside one op, where the executor can say how many. */
  readonly threads: number;
  /** Which backend of tfjs the TensorFlow executor must use; its own choice when left out. */
  readonly tfjsBackend?: string | undefined;
}

/** An executor's module is imported when it is asked for: each brings a runtime of many megabytes. */
const EXECUTORS: { readonly [N in ExecutorName]: (options: ExecutorOptions) => Promise<Executor> } = {
  onnxruntime: async (options) => (await import("./onnxruntime.ts")).createOnnxRuntimeExecutor(options),
  tensorflow: async (options) => (await import("./tensorflow.ts")).createTensorFlowExecutor(options),
};

/** Throws `executor_missing`, saying how to install it, when the executor cannot be loaded. */
export function createExecutor(name: ExecutorName, options: ExecutorOptions): Promise<Executor> {
  return EXECUTORS[name](options);
}
