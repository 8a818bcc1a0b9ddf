import { env, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import { tenantObject } from "../../../../edge/objects/remote.ts";
import type { Tenant } from "../../../../edge/objects/tenant.ts";

describe("a tenant", () => {
  it("stores nothing for a tenant that was never made", async () => {
    const tenant = tenantObject(env, "context-nobody");
    await expect(tenant.idempotency.claim({ key: "k", fingerprint: "f", staleMs: 1 })).rejects.toMatchObject({
      code: "not_found",
    });
    const stub = env.TENANT.get(env.TENANT.idFromName("context-nobody"));
    expect(await runDurableObjectAlarm(stub)).toBe(false);
  });

  it("sets its alarm again when its work fails", async () => {
    const tenant = tenantObject(env, "context-a");
    await tenant.account.create({ id: "context-a" }, null);
    const { id, key } = await tenant.files.begin();
    await env.BLOBS.put(key, "x");
    const stub = env.TENANT.get(env.TENANT.idFromName("context-a"));
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    await runInDurableObject(stub, async (instance, { storage }) => {
      storage.sql.exec("UPDATE blobs SET state = 'doomed'");
      const bucket = { delete: () => Promise.reject(new Error("R2 is away")) };
      const bindings = vi.spyOn(instance as unknown as { env: unknown }, "env", "get");
      bindings.mockReturnValue({ ...env, BLOBS: bucket });
      await (instance as Tenant).alarm();
      bindings.mockRestore();
      expect((await storage.getAlarm()) ?? 0).toBeGreaterThan(Date.now() + 1_000);
    });
    await runDurableObjectAlarm(stub);
    expect(await env.BLOBS.head(key)).toBeNull();
    await expect(tenant.files.get(id)).rejects.toMatchObject({ code: "not_found" });
    log.mockRestore();
  });
});
