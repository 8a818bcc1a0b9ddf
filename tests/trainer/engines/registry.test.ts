import { describe, expect, it } from "vitest";
import { TrimtabError } from "../../../shared/errors.ts";
import { EXECUTOR_NAMES } from "../../../trainer/engines/executor.ts";
import { createExecutor } from "../../../trainer/engines/registry.ts";

describe("createExecutor", () => {
  it("creates every executor that a job can choose, and each names its device", async () => {
    for (const name of EXECUTOR_NAMES) {
      const executor = await createExecutor(name, { threads: 1, tfjsBackend: "cpu" });
      expect(executor).toMatchObject({ name, backend: "cpu" });
    }
  }, 30_000);

  it("says how to install a missing package", async () => {
    const native = createExecutor("tensorflow", { threads: 1, tfjsBackend: "tensorflow" });
    const created = await native.catch((error: unknown) => error);
    // If @tensorflow/tfjs-node-gpu is installed there is no notice.
    if (created instanceof TrimtabError) {
      expect(created).toMatchObject({
        code: "executor_missing",
        message: expect.stringContaining("npm run install:gpu"),
      });
    } else expect(created).toMatchObject({ name: "tensorflow", backend: "tensorflow" });
  });
});
