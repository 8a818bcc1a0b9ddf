import type { Executor } from "../../trainer/engines/executor.ts";
import { createExecutor } from "../../trainer/engines/registry.ts";

/** Every executor that runs without optional packages; the first is the default. */
export const EXECUTORS: readonly (readonly [string, () => Promise<Executor>])[] = [
  ["onnxruntime", () => createExecutor("onnxruntime", { threads: 1 })],
  ["tensorflow on tfjs' WASM backend", () => createExecutor("tensorflow", { threads: 1, tfjsBackend: "wasm" })],
  ["tensorflow on tfjs' CPU backend", () => createExecutor("tensorflow", { threads: 1, tfjsBackend: "cpu" })],
];
