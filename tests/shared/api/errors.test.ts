import { describe, expect, it } from "vitest";
import { ErrorResponse, errorResponse, HTTP_ERRORS } from "../../../shared/api/errors.ts";
import { ERROR_CODES, TrimtabError } from "../../../shared/errors.ts";

describe("errorResponse", () => {
  it("has all four fields, whatever was thrown", () => {
    for (const code of ERROR_CODES) {
      const body = errorResponse(new TrimtabError(code, "what to do", { param: "field" }));
      expect(ErrorResponse.parse(body)).toEqual({
        error: { message: "what to do", param: "field", code, type: HTTP_ERRORS[code].type },
      });
    }
    expect(errorResponse(new TrimtabError("conflict", "m")).error.param).toBeNull();
  });

  it("keeps the message of a defect to itself", () => {
    const { error } = errorResponse(new TypeError("secret of the inside"));
    expect(error).toMatchObject({ code: "internal_error", type: "server_error", param: null });
    expect(error.message).not.toContain("secret");
  });
});

describe("HTTP_ERRORS", () => {
  it("gives a status that SDKs retry only to what a retry can mend", () => {
    const retried = ERROR_CODES.filter((code) => [408, 409, 429].includes(HTTP_ERRORS[code].status));
    expect(retried).toEqual(["conflict", "stale_lease", "request_timeout", "rate_limit_exceeded", "cancelled"]);
    expect(HTTP_ERRORS.idempotency_mismatch.status).toBe(422);
  });
});
