import { TrimtabError } from "../../shared/errors.ts";
import { EXECUTOR_NAMES, type Executor, type ExecutorName } from "./executor.ts";

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

/**
 * The executor that a run uses: what its job asks for, else what `TRIMTAB_EXECUTOR` says, else onnxruntime. An empty
 * text counts as nothing said. Throws `invalid_request`, naming the known ones, for any other name.
 */
export function chooseExecutor(job: string | undefined, environment: string | undefined): ExecutorName {
  const name = job || environment || "onnxruntime";
  if ((EXECUTOR_NAMES as readonly string[]).includes(name)) return name as ExecutorName;
  throw new TrimtabError("invalid_request", `there is no executor ${name}; it may be ${EXECUTOR_NAMES.join(" or ")}`, {
    param: job ? "executor" : "TRIMTAB_EXECUTOR",
  });
}

/** Throws `executor_missing`, saying how to install it, when the executor cannot be loaded. */
export function createExecutor(name: ExecutorName, options: ExecutorOptions): Promise<Executor> {
  return EXECUTORS[name](options);
}
