import { describe, expect, it, vi } from "vitest";
import { outcome, unwrap } from "../../../edge/objects/outcome.ts";
import { TrimtabError } from "../../../shared/errors.ts";

describe("outcome and unwrap", () => {
  it("carry a value", async () => {
    expect(await unwrap(outcome(() => 1))).toBe(1);
    expect(await unwrap(outcome(async () => 2))).toBe(2);
  });

  it("carry an error with its code, field and facts", async () => {
    const error = new TrimtabError("conflict", "no", { param: "id", data: { a: 1 } });
    const result = await outcome(() => {
      throw error;
    });
    expect(structuredClone(result)).toEqual({
      ok: false,
      code: "conflict",
      message: "no",
      param: "id",
      data: { a: 1 },
    });
    await expect(unwrap(Promise.resolve(result))).rejects.toMatchObject({
      code: "conflict",
      message: "no",
      param: "id",
      data: { a: 1 },
    });
  });

  it("log what nobody expected and say nothing of it", async () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    await expect(unwrap(outcome(() => Promise.reject(new Error("secret"))))).rejects.toMatchObject({
      code: "internal_error",
      message: expect.not.stringContaining("secret"),
    });
    expect(log).toHaveBeenCalledOnce();
    log.mockRestore();
  });
});
