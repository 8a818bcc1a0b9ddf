import { describe, expect, it } from "vitest";
import { TrimtabError } from "../../../shared/errors.ts";
import { EXECUTOR_NAMES } from "../../../trainer/engines/executor.ts";
import { createExecutor } from "../../../trainer/engines/registry.ts";

describe("createExecutor", () => {
  it("makes every executor that a job may ask for, and each says what it runs on", async () => {
    for (const name of EXECUTOR_NAMES) {
      const executor = await createExecutor(name, { threads: 1, tfjsBackend: "cpu" });
      expect(executor).toMatchObject({ name, backend: "cpu" });
    }
  }, 30_000);

  it("says how to install what is missing", async () => {
    const native = createExecutor("tensorflow", { threads: 1, tfjsBackend: "tensorflow" });
    const created = await native.catch((error: unknown) => error);
    // Where @tensorflow/tfjs-node-gpu is installed there is nothing to say.
    if (created instanceof TrimtabError) {
      expect(created).toMatchObject({
        code: "executor_missing",
        message: expect.stringContaining("npm install @tensorflow/tfjs-node-gpu"),
      });
    } else expect(created).toMatchObject({ name: "tensorflow", backend: "tensorflow" });
  });
});
