import { describe, expect, it } from "vitest";
import { ADMIN_TOKEN, Api } from "../support/api.ts";

describe("the service's own routes", () => {
  const api = new Api();

  it("says that it is up, to anybody", async () => {
    expect(await api.call("GET", "/healthz")).toEqual({ status: "ok" });
  });

  it("shows its metrics to the administrator only", async () => {
    expect(await api.refusal("GET", "/metrics")).toMatchObject({ status: 401, code: "invalid_api_key" });
    const response = await api.send("GET", "/metrics", { key: ADMIN_TOKEN });
    expect(response.headers.get("content-type")).toMatch(/^text\/plain/);
    const text = await response.text();
    expect(text).toContain('trimtab_jobs{state="queued"} 0');
    expect(text).toContain('trimtab_requests_total{method="GET",status="401"}');
  });
});
