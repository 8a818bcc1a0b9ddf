import { env, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import { ADMIN_TOKEN, Api } from "../support/api.ts";
import { FakeTrainer } from "../support/fake-trainer.ts";

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
      max_queued_jobs: 256,
      max_running_jobs: 64,
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
      ["PATCH", ""],
      ["DELETE", ""],
      ["GET", "/usage"],
      ["GET", "/keys"],
      ["POST", "/keys"],
      ["DELETE", "/keys/key_x"],
    ] as const) {
      const body = ["POST", "PATCH"].includes(method) ? { body: {} } : {};
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

describe("limits", () => {
  it("are changed one at a time, and hold from the next request on", async () => {
    const tenantKey = await api.tenant("limited", { requests_per_minute: 1 });
    await api.call("GET", "/v1/usage", { key: tenantKey });
    expect(await api.refusal("GET", "/v1/usage", { key: tenantKey })).toMatchObject({ status: 429 });
    const body = { requests_per_minute: 50, tokens_per_minute: null };
    expect(await api.call("PATCH", `${path}/limited`, { key, body })).toMatchObject({
      id: "limited",
      requests_per_minute: 50,
      tokens_per_minute: expect.any(Number),
    });
    const reply = await api.send("GET", "/v1/usage", { key: tenantKey });
    expect([reply.status, reply.headers.get("x-ratelimit-limit-requests")]).toEqual([200, "50"]);
    expect(await api.call("PATCH", `${path}/limited`, { key, body: {} })).toMatchObject({ requests_per_minute: 50 });
    const jobs = { max_queued_jobs: 3, max_running_jobs: 2 };
    expect(await api.call("PATCH", `${path}/limited`, { key, body: jobs })).toMatchObject({
      requests_per_minute: 50,
      ...jobs,
    });
    expect(await api.refusal("PATCH", `${path}/limited`, { key, body: { max_running_jobs: 0 } })).toMatchObject({
      status: 400,
      param: "max_running_jobs",
    });
    expect(await api.refusal("PATCH", `${path}/limited`, { key, body: { tokens_per_minute: 0 } })).toMatchObject({
      status: 400,
      param: "tokens_per_minute",
    });
    expect(await api.refusal("PATCH", `${path}/limited`, { key, body: { id: "x" } })).toMatchObject({ status: 400 });
    expect(await api.refusal("PATCH", `${path}/limited`, { key: tenantKey, body: {} })).toMatchObject({ status: 401 });
  });
});

describe("a deleted tenant", () => {
  it("is gone with its keys, its list entry and every byte, and its id is free", async () => {
    await api.base("deleted-base");
    const tenantKey = await api.tenant("leaving");
    const other = await api.tenant("staying");
    for (const key of [tenantKey, other]) {
      const file = await api.dataset(key);
      await api.call("POST", "/v1/fine_tuning/jobs", { key, body: { model: "deleted-base", training_file: file } });
      await new FakeTrainer(api).work("deleted");
    }
    const file = await api.dataset(tenantKey);
    const running = { model: "deleted-base", training_file: file };
    await api.call("POST", "/v1/fine_tuning/jobs", { key: tenantKey, body: running });
    await api.call("POST", "/v1/fine_tuning/jobs", { key: tenantKey, body: running });
    const trainer = new FakeTrainer(api);
    const lease = await trainer.lease();
    const stored = async (id: string) => (await env.BLOBS.list({ prefix: `tenants/${id}/` })).objects.length;
    expect(await stored("leaving")).toBeGreaterThan(0);

    const gone = await api.call("DELETE", `${path}/leaving`, { key });
    expect(gone).toEqual({ id: "leaving", object: "tenant", deleted: true });
    expect(await stored("leaving")).toBe(0);
    expect(await stored("staying")).toBeGreaterThan(0);
    expect(await api.refusal("GET", "/v1/models", { key: tenantKey })).toMatchObject({ status: 401 });
    expect(await api.refusal("GET", `${path}/leaving`, { key })).toMatchObject({ status: 404, param: "tenant" });
    expect(await api.refusal("DELETE", `${path}/leaving`, { key })).toMatchObject({ status: 404, param: "tenant" });
    const { data } = await api.call<{ data: { id: string }[] }>("GET", `${path}?limit=100`, { key });
    expect(data.map(({ id }) => id)).not.toContain("leaving");
    // Neither the job that waited nor the one that ran is left to a trainer.
    expect(await trainer.lease()).toBeUndefined();
    if (lease === undefined) throw new Error("no lease");
    await expect(trainer.heartbeat(lease)).rejects.toThrow();

    const again = await api.tenant("leaving");
    expect(await api.call("GET", "/v1/files", { key: again })).toMatchObject({ data: [] });
    expect(await api.call("GET", "/v1/usage", { key: again })).toMatchObject({ days: [] });
    expect(await api.refusal("GET", "/v1/models", { key: tenantKey })).toMatchObject({ status: 401 });
    await api.dataset(again);
    await runDurableObjectAlarm(env.TENANT.get(env.TENANT.idFromName("leaving")));
    expect(await stored("leaving")).toBe(1);
  });

  it("has bytes that arrived late swept in the end", async () => {
    await api.tenant("late");
    const object = env.TENANT.get(env.TENANT.idFromName("late"));
    await api.call("DELETE", `${path}/late`, { key });
    await env.BLOBS.put("tenants/late/files/late.jsonl", "late");
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 7 * 3_600_000 });
    try {
      // The alarm that the removal has set may be running already.
      await vi.waitFor(async () => {
        await runDurableObjectAlarm(object);
        const left = await runInDurableObject(object, (_, { storage }) =>
          storage.sql.exec("SELECT * FROM removal").toArray(),
        );
        expect(left).toEqual([]);
      });
    } finally {
      vi.useRealTimers();
    }
    expect(await env.BLOBS.head("tenants/late/files/late.jsonl")).toBeNull();
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
