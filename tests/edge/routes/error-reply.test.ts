import { HTTPException } from "hono/http-exception";
import { expect, it, vi } from "vitest";
import { errorReply } from "../../../edge/routes/error-reply.ts";
import { TrimtabError } from "../../../shared/errors.ts";

it("an error becomes its status, and says when to come back where that helps", async () => {
  const reply = errorReply(new TrimtabError("rate_limit_exceeded", "slow down", { data: { retryMs: 1_500 } }));
  expect([reply.status, reply.headers.get("retry-after"), reply.headers.get("content-type")]).toEqual([
    429,
    "2",
    "application/json",
  ]);
  expect(errorReply(new TrimtabError("capacity_exceeded", "full")).headers.get("retry-after")).toBe("1");
  expect(errorReply(new TrimtabError("conflict", "no")).headers.has("retry-after")).toBe(false);
});

it("a conflict tells SDKs whether sending the request again may help", () => {
  const lasting = errorReply(new TrimtabError("conflict", "no"));
  expect([lasting.status, lasting.headers.get("x-should-retry")]).toEqual([409, "false"]);
  const passing = errorReply(new TrimtabError("conflict", "wait", { data: { retryMs: 2_000 } }));
  expect([passing.headers.get("x-should-retry"), passing.headers.get("retry-after")]).toEqual([null, "2"]);
});

it("hono's own errors are bad requests", async () => {
  const reply = errorReply(new HTTPException(415, { message: "Unsupported Media Type" }));
  expect(reply.status).toBe(400);
  expect(await reply.json()).toEqual({
    error: { message: "Unsupported Media Type", type: "invalid_request_error", param: null, code: "invalid_request" },
  });
});

it("a defect is logged and not told", async () => {
  const log = vi.spyOn(console, "error").mockImplementation(() => {});
  const reply = errorReply(new Error("inside"));
  expect([reply.status, await reply.text()]).toEqual([500, expect.not.stringContaining("inside")]);
  expect(log).toHaveBeenCalledOnce();
  log.mockRestore();
});
