import { availableParallelism } from "node:os";
import { describe, expect, it } from "vitest";
import { readSettings } from "../../../trainer/service/settings.ts";

const needed = { TRIMTAB_URL: "http://127.0.0.1:8787", TRAINER_TOKEN: "secret" };

describe("readSettings", () => {
  it("requires only the address and the token", () => {
    const settings = readSettings({ ...needed, HOME: "/root", TRIMTAB_EXECUTOR: "", TRIMTAB_THREADS: "" });
    expect(settings).toMatchObject({
      token: "secret",
      executor: "onnxruntime",
      tfjsBackend: undefined,
      threads: availableParallelism(),
      lanes: ["jobs", "edits"],
      stateFolder: ".trimtab",
    });
    expect(settings.url.origin).toBe("http://127.0.0.1:8787");
    expect(settings.trainer.length).toBeLessThanOrEqual(64);
    expect(readSettings(needed).trainer).not.toBe(settings.trainer);
  });

  it("reads the others if they are set", () => {
    const others = {
      TRIMTAB_EXECUTOR: "tensorflow",
      TRIMTAB_TFJS_BACKEND: "wasm",
      TRIMTAB_THREADS: "3",
      TRIMTAB_LANES: "edits",
    };
    expect(readSettings({ ...needed, ...others, TRIMTAB_STATE: "/tmp/x" })).toMatchObject({
      executor: "tensorflow",
      tfjsBackend: "wasm",
      threads: 3,
      lanes: ["edits"],
      stateFolder: "/tmp/x",
    });
  });

  it.each([
    [{ TRIMTAB_URL: undefined }, "TRIMTAB_URL must be the server's http(s) address"],
    [{ TRIMTAB_URL: "file:///etc/passwd" }, "TRIMTAB_URL must be the server's http(s) address"],
    [{ TRAINER_TOKEN: "" }, "TRAINER_TOKEN must be the server's trainer token"],
    [{ TRIMTAB_THREADS: "two" }, "TRIMTAB_THREADS must be a number of threads"],
    [{ TRIMTAB_THREADS: "0" }, "TRIMTAB_THREADS must be at least 1"],
    [{ TRIMTAB_LANES: "edit" }, "TRIMTAB_LANES must be one or more of jobs, edits, separated by commas"],
    [{ TRIMTAB_LANES: "jobs,jobs" }, "TRIMTAB_LANES must be one or more of jobs, edits, separated by commas"],
    [{ TRIMTAB_EXECUTOR: "jax" }, "TRIMTAB_EXECUTOR must be onnxruntime or tensorflow"],
  ])("rejects %j, naming the variable", (change, message) => {
    expect(() => readSettings({ ...needed, ...change })).toThrow(`The environment variable ${message}`);
  });
});
