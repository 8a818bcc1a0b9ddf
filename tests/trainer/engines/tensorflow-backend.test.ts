import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { activateBackend, IMPORTS, loadTfjsBackend } from "../../../trainer/engines/tensorflow-backend.ts";

const missing = () => Promise.reject(new Error("Cannot find package '@tensorflow/tfjs-node-gpu'\nRequire stack: …"));
const withoutNative = { ...IMPORTS, tensorflow: missing };

describe("loadTfjsBackend", () => {
  it("falls back to WASM and says how to get TensorFlow's own kernels", async () => {
    const { backend, notice } = await loadTfjsBackend(undefined, withoutNative);
    expect(backend).toBe("wasm");
    expect(notice).toContain(
      "Cannot find package '@tensorflow/tfjs-node-gpu'); install it with `npm install @tensorflow/tfjs-node-gpu`",
    );
    expect(notice).not.toContain("Require stack");
  });

  it("falls back to tfjs' CPU backend where WASM cannot start", async () => {
    const { backend } = await loadTfjsBackend(undefined, { ...withoutNative, wasm: missing });
    expect(backend).toBe("cpu");
  });

  it("takes a demanded backend without a word", async () => {
    expect(await loadTfjsBackend("cpu", withoutNative)).toEqual({ backend: "cpu" });
    expect(await loadTfjsBackend("wasm", withoutNative)).toEqual({ backend: "wasm" });
  });

  it("does not put another in the place of TensorFlow's when that is demanded", async () => {
    await expect(loadTfjsBackend("tensorflow", withoutNative)).rejects.toThrow(
      expect.objectContaining({
        code: "executor_missing",
        message: expect.stringContaining("npm install @tensorflow/tfjs-node-gpu"),
      }),
    );
  });

  it("says how to install one when there is none at all", async () => {
    await expect(loadTfjsBackend(undefined, { tensorflow: missing, wasm: missing, cpu: missing })).rejects.toThrow(
      /^the TensorFlow executor cannot start: .*npm install @tensorflow\/tfjs-node-gpu/,
    );
  });

  it("names the backends when asked for one that is none", async () => {
    await expect(loadTfjsBackend("webgl", withoutNative)).rejects.toThrow(
      expect.objectContaining({
        code: "invalid_request",
        message: "there is no tfjs backend webgl; it may be tensorflow, wasm, cpu",
        param: "TRIMTAB_TFJS_BACKEND",
      }),
    );
  });
});

describe("activateBackend", () => {
  it("changes at once what tfjs' functions run on", async () => {
    await loadTfjsBackend("wasm", withoutNative);
    await loadTfjsBackend("cpu", withoutNative);
    for (const backend of ["wasm", "cpu", "wasm"] as const) {
      activateBackend(backend);
      expect(tf.getBackend()).toBe(backend);
      expect(tf.backend()).toBe(tf.findBackend(backend));
    }
  });
});
