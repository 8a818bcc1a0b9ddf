import { execFile } from "node:child_process";
import { promisify } from "node:util";
import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { IMPORTS, loadTfjsBackend, onBackend } from "../../../trainer/engines/tensorflow-backend.ts";

const NODE_SAYS = "Cannot find package '@tensorflow/tfjs-node-gpu' imported from /srv/trimtab/a.ts\nRequire stack: …";
const missing = () => Promise.reject(new Error(NODE_SAYS));
const withoutNative = { ...IMPORTS, tensorflow: missing };

describe("loadTfjsBackend", () => {
  it("falls back to WASM and says how to get TensorFlow's native kernels", async () => {
    const { backend, notice } = await loadTfjsBackend(undefined, withoutNative);
    expect(backend).toBe("wasm");
    expect(notice).toContain("Cannot find package '@tensorflow/tfjs-node-gpu'); install it with `npm run install:gpu`");
    // Users read this, so it must not reveal the trainer's paths.
    expect(notice).not.toMatch(/Require stack|imported from/);
  });

  it("falls back to tfjs' CPU backend if WASM cannot start", async () => {
    const { backend } = await loadTfjsBackend(undefined, { ...withoutNative, wasm: missing });
    expect(backend).toBe("cpu");
  });

  it("uses a requested backend without a notice", async () => {
    expect(await loadTfjsBackend("cpu", withoutNative)).toEqual({ backend: "cpu" });
    expect(await loadTfjsBackend("wasm", withoutNative)).toEqual({ backend: "wasm" });
  });

  it("does not replace TensorFlow's backend if that is requested", async () => {
    await expect(loadTfjsBackend("tensorflow", withoutNative)).rejects.toThrow(
      expect.objectContaining({
        code: "executor_missing",
        message: expect.stringContaining("npm run install:gpu"),
      }),
    );
  });

  it("says how to install one if there is none", async () => {
    await expect(loadTfjsBackend(undefined, { tensorflow: missing, wasm: missing, cpu: missing })).rejects.toThrow(
      /^the TensorFlow executor cannot start: .*npm run install:gpu/,
    );
  });

  it("lists the backends if the name is unknown", async () => {
    await expect(loadTfjsBackend("webgl", withoutNative)).rejects.toThrow(
      expect.objectContaining({
        code: "invalid_request",
        message: "there is no tfjs backend webgl; it may be tensorflow, wasm, cpu",
        param: "TRIMTAB_TFJS_BACKEND",
      }),
    );
  });
});

describe("onBackend", () => {
  it("runs work on the given backend and returns its result", async () => {
    await Promise.all([loadTfjsBackend("wasm", withoutNative), loadTfjsBackend("cpu", withoutNative)]);
    const used = (["wasm", "cpu", "wasm"] as const).map((backend) =>
      onBackend(backend, () => [tf.getBackend(), tf.backend() === tf.findBackend(backend)]),
    );
    expect(await Promise.all(used)).toEqual([
      ["wasm", true],
      ["cpu", true],
      ["wasm", true],
    ]);
  });

  it("continues after work that fails", async () => {
    const failing = onBackend("cpu", () => {
      throw new Error("no such row");
    });
    await expect(failing).rejects.toThrow("no such row");
    expect(await onBackend("cpu", () => 7)).toBe(7);
  });
});

describe("a process with the WASM backend loaded", () => {
  it("keeps its own handling of unhandled errors", async () => {
    const script = `
      import { loadTfjsBackend } from "./trainer/engines/tensorflow-backend.ts";
      process.on("unhandledRejection", (reason) => console.log("handled", reason.message));
      await loadTfjsBackend("wasm");
      Promise.reject(new Error("stray"));
      setTimeout(() => console.log("alive"), 20);`;
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module-typescript", "-e", script]);
    expect(stdout).toBe("handled stray\nalive\n");
  }, 30_000);
});
