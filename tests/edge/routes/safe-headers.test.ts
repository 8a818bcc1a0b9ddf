import { beforeAll, expect, it } from "vitest";
import { Api } from "../support/api.ts";

const api = new Api();
let key: string;

beforeAll(async () => {
  key = await api.tenant("safe-headers");
});

it.each([
  ["GET", "/v1/models", 200, "no-store"],
  ["GET", "/v1/nothing", 404, "no-store"],
  ["POST", "/v1/models", 405, "no-store"],
  ["OPTIONS", "/v1/models", 204, "no-store"],
  // It holds nothing of a tenant's, and has a tag to ask again with.
  ["GET", "/openapi.json", 200, "no-cache"],
] as const)(
  "%s %s (%i) cannot be guessed at, framed or run, nor kept as it is",
  async (method, path, status, cached) => {
    const reply = await api.send(method, path, { key });
    expect(reply.status).toBe(status);
    expect(Object.fromEntries(reply.headers)).toMatchObject({
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "x-frame-options": "DENY",
      "cache-control": cached,
      "content-security-policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
      "strict-transport-security": "max-age=63072000",
    });
  },
);

it.each(["/docs", "/labeling"])("the page %s has a policy of its own, which allows its scripts alone", async (path) => {
  const reply = await api.send("GET", path);
  const policy = reply.headers.get("content-security-policy") ?? "";
  expect(policy).toMatch(/^default-src 'none'/);
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).toContain("base-uri 'none'");
  expect(/script-src ([^;]*)/.exec(policy)?.[1]).toMatch(/'self'|'sha256-/);
  expect(/script-src ([^;]*)/.exec(policy)?.[1]).not.toContain("unsafe-inline");
  expect(reply.headers.get("x-frame-options")).toBe("DENY");
});

it("a page's policy names the hash of its script as it is sent", async () => {
  const reply = await api.send("GET", "/docs");
  const [, script = ""] = /<script[^>]*>([\s\S]*?)<\/script>/.exec(await reply.clone().text()) ?? [];
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(script));
  const hash = btoa(String.fromCharCode(...new Uint8Array(digest)));
  expect(script).toContain("/openapi.json");
  expect(reply.headers.get("content-security-policy")).toContain(`'sha256-${hash}'`);
});

it("names that are echoed in headers cannot add one", async () => {
  const form = new FormData();
  form.set("purpose", "user_data");
  form.set("file", new Blob(['{"a":1}\n']), 'x"\r\nset-cookie: a=b\r\n.jsonl');
  const uploaded = await api.send("POST", "/v1/files", { key, body: form });
  const { id } = (await uploaded.json()) as { id?: string };
  if (id === undefined) return expect(uploaded.status).toBe(400);
  const reply = await api.send("GET", `/v1/files/${id}/content`, { key });
  await reply.arrayBuffer();
  expect(reply.headers.has("set-cookie")).toBe(false);
  expect(reply.headers.get("content-disposition")).toMatch(/^attachment; /);
});
