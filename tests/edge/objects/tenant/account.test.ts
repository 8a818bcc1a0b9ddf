import { env, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { tenantObject } from "../../../../edge/objects/remote.ts";
import { hashSecret } from "../../../../edge/objects/tenant/keys.ts";

afterEach(() => {
  vi.useRealTimers();
});

async function given(id: string, limits: Record<string, number> = {}) {
  const tenant = tenantObject(env, id);
  await tenant.account.create({ id, ...limits }, null);
  const hash = await hashSecret(id);
  await tenant.keys.add({ name: null, hash, hint: "" }, null);
  return { tenant, hash, stub: env.TENANT.get(env.TENANT.idFromName(id)) };
}

describe("a tenant's account", () => {
  it("lets its keys in, within its limits", async () => {
    const { tenant, hash } = await given("account-a", { requests_per_minute: 1, tokens_per_minute: 10 });
    expect(await tenant.account.authorise(hash, "generation")).toMatchObject({
      refused: null,
      requests: { limit: 1, remaining: 0 },
    });
    expect(await tenant.account.authorise(hash, "request")).toMatchObject({ refused: { what: "requests" } });
    await tenant.account.charge({ promptTokens: 8, completionTokens: 5 });
    expect(await tenant.account.authorise(hash, "generation")).toMatchObject({
      refused: { what: "tokens" },
      tokens: { remaining: 0 },
    });
    await expect(tenant.account.authorise(await hashSecret("x"), "request")).rejects.toMatchObject({
      code: "invalid_api_key",
    });
  });

  it("is made again for the same Idempotency-Key only", async () => {
    const tenant = tenantObject(env, "account-b");
    const asked = { key: "k", fingerprint: "f" };
    const made = await tenant.account.create({ id: "account-b" }, asked);
    expect(await tenant.account.create({ id: "account-b" }, asked)).toEqual(made);
    await expect(tenant.account.create({ id: "account-b" }, null)).rejects.toMatchObject({ code: "conflict" });
    await expect(tenant.account.create({ id: "account-b" }, { key: "k", fingerprint: "g" })).rejects.toMatchObject({
      code: "idempotency_mismatch",
    });
  });

  it("keeps nothing of an upload whose Worker died between the bytes and their record", async () => {
    const { tenant, stub } = await given("account-c");
    const { id, key } = await tenant.files.begin();
    await env.BLOBS.put(key, "half");
    await expect(tenant.files.get(id)).rejects.toMatchObject({ code: "not_found" });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 7 * 3_600_000 });
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    expect(await env.BLOBS.head(key)).toBeNull();
    const rows = await runInDurableObject(stub, (_, { storage }) => storage.sql.exec("SELECT * FROM files").toArray());
    expect(rows).toEqual([]);
  });
});
