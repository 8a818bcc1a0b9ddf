import { env } from "cloudflare:test";
import { expect, it } from "vitest";
import { tenantObject } from "../../../edge/objects/remote.ts";
import { Api } from "../support/api.ts";

it("a tenant reads its own usage, by day, with its key", async () => {
  const api = new Api();
  const key = await api.tenant("frugal");
  expect(await api.call("GET", "/v1/usage", { key })).toEqual({ object: "usage", tenant: "frugal", days: [] });
  await tenantObject(env, "frugal").account.charge({ promptTokens: 8, completionTokens: 5 });
  expect(await api.call("GET", "/v1/usage", { key })).toEqual({
    object: "usage",
    tenant: "frugal",
    days: [
      {
        day: new Date().toISOString().slice(0, 10),
        requests: 1,
        prompt_tokens: 8,
        completion_tokens: 5,
        trained_tokens: 0,
      },
    ],
  });
  expect(await api.refusal("GET", "/v1/usage")).toMatchObject({ status: 401 });
  const since = await api.refusal("GET", "/v1/usage?since=2026-01-01", { key });
  expect(since).toMatchObject({ status: 400, param: "since", message: expect.stringContaining("Unknown field") });
});
