import { describe, expect, it } from "vitest";
import { EXECUTOR_NAMES } from "../../../trainer/engines/executor.ts";
import { chooseExecutor, createExecutor } from "../../../trainer/engines/registry.ts";

describe("chooseExecutor", () => {
  it("follows the job, then the environment, then the default", () => {
    expect(chooseExecutor("tensorflow", "onnxruntime")).toBe("tensorflow");
    expect(chooseExecutor(undefined, "tensorflow")).toBe("tensorflow");
    expect(chooseExecutor(undefined, undefined)).toBe("onnxruntime");
    expect(chooseExecutor(undefined, "")).toBe("onnxruntime");
  });

  it("names the known executors, and whoever asked for another", () => {
    expect(() => chooseExecutor("torch", undefined)).toThrow(
      expect.objectContaining({
        code: "invalid_request",
        message: "there is no executor torch; it may be onnxruntime or tensorflow",
        param: "executor",
      }),
    );
    expect(() => chooseExecutor(undefined, "TensorFlow")).toThrow(
      expect.objectContaining({ param: "TRIMTAB_EXECUTOR" }),
    );
  });
});

describe("createExecutor", () => {
  it("makes every executor there is, and each says what it runs on", async () => {
    for (const name of EXECUTOR_NAMES) {
      const executor = await createExecutor(name, { threads: 1, tfjsBackend: "cpu" });
      expect(executor).toMatchObject({ name, backend: "cpu" });
    }
  });
});
