import { describe, expect, it } from "vitest";
import { ERROR_CODES, messageOf, TrimtabError } from "../../shared/errors.ts";

describe("TrimtabError", () => {
  it("carries a code, and the details that are given", () => {
    const cause = new Error("disk full");
    const error = new TrimtabError("invalid_file", "line 3 is not JSON", { param: "file", data: { line: 3 }, cause });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      name: "TrimtabError",
      code: "invalid_file",
      message: "line 3 is not JSON",
      param: "file",
      data: { line: 3 },
      cause,
    });
  });

  it("has no cause, no parameter and no data unless they are given", () => {
    const error = new TrimtabError("not_found", "no such job");
    expect(error.param).toBeUndefined();
    expect(error.data).toEqual({});
    expect("cause" in error).toBe(false);
  });

  it("has unique codes that are safe to send over HTTP", () => {
    expect(new Set(ERROR_CODES).size).toBe(ERROR_CODES.length);
    for (const code of ERROR_CODES) expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
  });
});

describe("messageOf", () => {
  it("reads anything that was thrown", () => {
    expect(messageOf(new TypeError("x is not a function"))).toBe("x is not a function");
    expect(messageOf("plain text")).toBe("plain text");
    expect(messageOf(undefined)).toBe("undefined");
  });
});
