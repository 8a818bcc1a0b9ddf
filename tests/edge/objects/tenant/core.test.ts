import { env, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import { tenantObject } from "../../../../edge/objects/remote.ts";
import { attempt } from "../../../../edge/objects/tenant/core.ts";
import type { Tenant } from "../../../../edge/objects/tenant.ts";

describe("the core of a tenant", () => {
  it("stores nothing for a tenant that was never made", async () => {
    const tenant = tenantObject(env, "core-nobody");
    await expect(tenant.claim({ key: "k", fingerprint: "f", staleMs: 1 })).rejects.toMatchObject({ code: "not_found" });
    const stub = env.TENANT.get(env.TENANT.idFromName("core-nobody"));
    expect(await runDurableObjectAlarm(stub)).toBe(false);
  });

  it("sets its alarm again when its work fails", async () => {
    const tenant = tenantObject(env, "core-a");
    await tenant.create({ id: "core-a" }, null);
    const { id, key } = await tenant.beginFile();
    await env.BLOBS.put(key, "x");
    const stub = env.TENANT.get(env.TENANT.idFromName("core-a"));
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
    await expect(tenant.file(id)).rejects.toMatchObject({ code: "not_found" });
    log.mockRestore();
  });

  it("goes on where an attempt fails", async () => {
    const log = vi.spyOn(console, "warn").mockImplementation(() => {});
    await attempt("do it", Promise.reject(new Error("no")));
    expect(log).toHaveBeenCalledWith("could not do it, it will be tried again", expect.any(Error));
    log.mockRestore();
  });
});
