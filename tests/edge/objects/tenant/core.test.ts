import { env, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import { tenantObject } from "../../../../edge/objects/remote.ts";
import { attempt } from "../../../../edge/objects/tenant/core.ts";
import type { Tenant } from "../../../../edge/objects/tenant.ts";
import { Api } from "../../support/api.ts";

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

  it("offers a job that waits to the Dispatcher again, should it have lost it", async () => {
    const api = new Api();
    await api.base("core-base");
    const key = await api.tenant("core-b");
    const body = { model: "core-base", training_file: await api.dataset(key) };
    const { id } = await api.call<{ id: string }>("POST", "/v1/fine_tuning/jobs", { key, body });
    const stub = env.TENANT.get(env.TENANT.idFromName("core-b"));
    const queue = <T>(body: (sql: SqlStorage) => T) =>
      runInDurableObject(env.DISPATCHER.get(env.DISPATCHER.idFromName("dispatcher")), (_, { storage }) =>
        body(storage.sql),
      );
    const queued = () => queue((sql) => sql.exec("SELECT 1 FROM queue WHERE job = ?", id).toArray().length);
    await runDurableObjectAlarm(stub);
    await queue((sql) => sql.exec("DELETE FROM queue WHERE job = ?", id));
    await runInDurableObject(stub, async (_, { storage }) => {
      expect((await storage.getAlarm()) ?? 0).toBeLessThan(Date.now() + 61_000);
    });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 61_000 });
    await runDurableObjectAlarm(stub);
    expect(await queued()).toBe(1);
    await api.call("POST", `/v1/fine_tuning/jobs/${id}/cancel`, { key });
    vi.setSystemTime(Date.now() + 61_000);
    await runDurableObjectAlarm(stub);
    expect(await queued()).toBe(0);
    vi.useRealTimers();
  });

  it("goes on where an attempt fails", async () => {
    const log = vi.spyOn(console, "warn").mockImplementation(() => {});
    await attempt("do it", Promise.reject(new Error("no")));
    expect(log).toHaveBeenCalledWith("could not do it, it will be tried again", expect.any(Error));
    log.mockRestore();
  });
});
