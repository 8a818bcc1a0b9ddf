import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { buildWasm } from "./infra/start/build-wasm.ts";

buildWasm();

/**
 * A test takes a second or two where it has a core to itself. With a dozen processes for each core, workerd has stood still for a
 * minute in the middle of one.
 */
const TIMEOUTS = { testTimeout: 120_000, hookTimeout: 120_000 };

/** Imported WASM file → the binding that carries its bytes into the tests' isolate. */
const WASM_BINDINGS = {
  "/generated/ort.wasm": { binding: "ORT_WASM", file: "edge/runtime/generated/ort.wasm" },
  "onnxruntime-web/ort-wasm-simd-threaded.wasm": {
    binding: "ORT_SHARED_WASM",
    file: "node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm",
  },
} as const;

/**
 * Takes WASM modules from bindings. The pool would send an imported one as a JSON array of its bytes, 6 s for each test
 * file that imports ONNX Runtime; compiling it inside workerd takes a tenth of one.
 */
const wasmFromBindings = {
  name: "wasm-from-bindings",
  enforce: "pre" as const,
  resolveId(id: string): string | undefined {
    const wasm = Object.entries(WASM_BINDINGS).find(([suffix]) => id.endsWith(suffix))?.[1];
    return wasm && `\0wasm:${wasm.binding}`;
  },
  load(id: string): string | undefined {
    const binding = id.startsWith("\0wasm:") ? id.slice("\0wasm:".length) : undefined;
    return (
      binding &&
      `import { env } from "cloudflare:workers";
       export default env.__VITEST_POOL_WORKERS_UNSAFE_EVAL.newWasmModule(env.${binding});`
    );
  },
};

/** Compiles WASM modules from their files, for tests in Node that serve a model. */
const wasmFromFiles = {
  name: "wasm-from-files",
  enforce: "pre" as const,
  load(id: string): string | undefined {
    if (!id.endsWith(".wasm")) return undefined;
    return `import { readFileSync } from "node:fs";
       export default new WebAssembly.Module(readFileSync(${JSON.stringify(id)}));`;
  },
};

export default defineConfig({
  test: {
    projects: [
      {
        plugins: [wasmFromFiles],
        test: {
          name: "node",
          include: ["tests/**/*.test.ts"],
          exclude: ["tests/edge/**", "tests/e2e/**"],
          // Loading the same modules for every file costs more than half of the time: the files of a worker share them.
          isolate: false,
          // As many as a small machine has cores: with one, the last half of the time would leave a core idle.
          maxWorkers: 2,
          ...TIMEOUTS,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["tests/e2e/**/*.test.ts"],
          // A stack trains and serves on every core: one at a time.
          sequence: { groupOrder: 2 },
          fileParallelism: false,
        },
      },
      {
        plugins: [
          wasmFromBindings,
          cloudflareTest({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: {
              dataBlobBindings: {
                ...Object.fromEntries(Object.values(WASM_BINDINGS).map(({ binding, file }) => [binding, file])),
                // Too large to import.
                EMBEDDED_WEIGHTS: "infra/base/model/model.safetensors",
              },
            },
          }),
        ],
        test: {
          name: "workerd",
          include: ["tests/edge/**/*.test.ts"],
          // Loading the Worker costs seconds: the files share one isolate, and its storage is emptied between them.
          isolate: false,
          // A group of its own: vitest refuses projects with different numbers of workers in one.
          sequence: { groupOrder: 1 },
          maxWorkers: 1,
          setupFiles: ["tests/edge/support/reset.ts"],
          globalSetup: ["tests/support/hostile-scorer.ts"],
          ...TIMEOUTS,
        },
      },
    ],
  },
});
