import { env, runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { ADMIN_TOKEN, Api } from "../support/api.ts";

const api = new Api();
const key = ADMIN_TOKEN;
const path = "/v1/admin/tenants";

describe("tenants", () => {
  it("are made once, found and listed", async () => {
    const tenant = await api.call("POST", path, { key, body: { id: "acme", requests_per_minute: 100 } });
    expect(tenant).toEqual({
      id: "acme",
      object: "tenant",
      created_at: expect.any(Number),
      requests_per_minute: 100,
      tokens_per_minute: expect.any(Number),
    });
    expect(await api.call("GET", `${path}/acme`, { key })).toEqual(tenant);
    expect(await api.refusal("POST", path, { key, body: { id: "acme" } })).toMatchObject({ status: 409, param: "id" });
    expect(await api.call("GET", `${path}?limit=1`, { key })).toMatchObject({
      data: [{ id: "acme", object: "tenant" }],
    });
    expect(await api.call("GET", `${path}/acme/usage`, { key })).toEqual({ object: "usage", tenant: "acme", days: [] });
  });

  it.each(["Acme", "a_b", "", "-a", "a".repeat(33), "a:b", "../a"])("may not be called %j", async (id) => {
    expect(await api.refusal("POST", path, { key, body: { id } })).toMatchObject({ status: 400, param: "id" });
  });

  it("leave nothing behind when one is asked for that is not there", async () => {
    for (const [method, suffix] of [
      ["GET", ""],
      ["GET", "/usage"],
      ["GET", "/keys"],
      ["POST", "/keys"],
      ["DELETE", "/keys/key_x"],
    ] as const) {
      const body = method === "POST" ? { body: {} } : {};
      expect(await api.refusal(method, `${path}/nobody${suffix}`, { key, ...body })).toMatchObject({
        status: 404,
        code: "not_found",
        param: "tenant",
      });
    }
    const stub = env.TENANT.get(env.TENANT.idFromName("nobody"));
    const tables = await runInDurableObject(stub, (_, { storage }) =>
      storage.sql
        .exec("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'")
        .toArray(),
    );
    expect(tables).toEqual([]);
  });

  it("are made once for each Idempotency-Key", async () => {
    const create = (id: string) => api.send("POST", path, { key, body: { id }, headers: { "idempotency-key": "t" } });
    const first = await (await create("once")).json();
    const again = await create("once");
    expect([again.status, await again.json()]).toEqual([200, first]);
    expect((await create("twice")).status).toBe(422);
  });
});

describe("keys", () => {
  it("open their tenant until they are revoked", async () => {
    await api.call("POST", path, { key, body: { id: "keyed" } });
    const made = await api.call<{ id: string; key: string }>("POST", `${path}/keyed/keys`, {
      key,
      body: { name: "ci" },
    });
    expect(made).toMatchObject({ id: expect.stringMatching(/^key_/), name: "ci", hint: made.key.slice(-4) });
    expect(made.key).toMatch(/^tt_keyed_[0-9A-Za-z]{43}$/);
    await api.call("GET", "/v1/files", { key: made.key });
    const { key: _, ...listed } = made;
    expect(await api.call("GET", `${path}/keyed/keys`, { key })).toMatchObject({ data: [listed] });
    const keyPath = `${path}/keyed/keys/${made.id}`;
    expect(await api.call("DELETE", keyPath, { key })).toEqual({ id: made.id, object: "key", deleted: true });
    expect(await api.refusal("GET", "/v1/files", { key: made.key })).toMatchObject({
      status: 401,
      code: "invalid_api_key",
    });
    expect(await api.refusal("DELETE", keyPath, { key })).toMatchObject({ status: 404, param: "key" });
  });

  it("are stored as hashes only, with an Idempotency-Key too", async () => {
    await api.call("POST", path, { key, body: { id: "hashed" } });
    const create = (body: unknown) =>
      api.send("POST", `${path}/hashed/keys`, { key, body, headers: { "idempotency-key": "k" } });
    const first = (await (await create({})).json()) as { id: string; key: string };
    expect(await (await create({})).json()).toEqual(first);
    expect((await create({ name: "x" })).status).toBe(422);
    await api.call("GET", "/v1/files", { key: first.key });
    const stub = env.TENANT.get(env.TENANT.idFromName("hashed"));
    const stored = await runInDurableObject(stub, (_, { storage }) =>
      JSON.stringify(["keys", "idempotency"].map((table) => storage.sql.exec(`SELECT * FROM ${table}`).toArray())),
    );
    expect(stored).not.toContain(first.key.split("_")[2]);
  });
});
