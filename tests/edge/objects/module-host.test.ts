import { env, runInDurableObject } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import { Database } from "../../../edge/objects/database.ts";
import type { CallsOf } from "../../../edge/objects/module.ts";
import { ModuleHost } from "../../../edge/objects/module-host.ts";
import { tenantObject } from "../../../edge/objects/remote.ts";
import { type Remote, remote } from "../../../edge/objects/rpc.ts";
import { TenantContext, tenantModule } from "../../../edge/objects/tenant/context.ts";
import { TENANT_MODULES } from "../../../edge/objects/tenant/modules.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { DATASET_FACTS } from "../support/tenant-database.ts";

/** A resource that the Worker does not have: notes that expire. A module and a row are all it takes. */
const notes = tenantModule({
  schema: ["CREATE TABLE IF NOT EXISTS notes (id TEXT PRIMARY KEY, file TEXT, until INTEGER NOT NULL)"],
  needsFile: (db, file) => {
    const note = db.get<{ id: string }>("SELECT id FROM notes WHERE file = ?", file);
    return note && `The note ${note.id} is about this file. Delete it first.`;
  },
  open: ({ db, now, rearm, tenant }) => ({
    calls: {
      async add(note: { id: string; file: string | null; seconds: number }): Promise<{ owner: string }> {
        db.run("INSERT INTO notes VALUES (?, ?, ?)", note.id, note.file, now() + note.seconds * 1000);
        await rearm();
        return { owner: tenant().id };
      },
      list: () => db.all<{ id: string }>("SELECT id FROM notes").map(({ id }) => id),
      fail(): never {
        throw new TrimtabError("conflict", "no", { param: "note" });
      },
    },
    duty: {
      run: () => db.run("DELETE FROM notes WHERE until <= ?", now()),
      next: () => db.get<{ at: number | null }>("SELECT min(until) AS at FROM notes")?.at ?? null,
    },
  }),
});

const MODULES = { ...TENANT_MODULES, notes } as const;
type Extended = Remote<{ readonly calls: CallsOf<typeof MODULES> }>;
type Host = ModuleHost<TenantContext, typeof MODULES>;

/** Runs a body over a tenant that was created before it had the module; the host is what the next version would start. */
async function inOlderTenant(
  id: string,
  body: (tenant: Extended, host: Host, state: DurableObjectState) => Promise<void>,
): Promise<void> {
  await tenantObject(env, id).account.create({ id }, null);
  await runInDurableObject(env.TENANT.get(env.TENANT.idFromName(id)), async (_, state) => {
    expect(new Database(state.storage).has("notes")).toBe(false);
    const host = new ModuleHost(state.storage, MODULES, (base) => new TenantContext(base, () => env, MODULES));
    host.context.createTables();
    await body(remote<Host>(host), host, state);
  });
}

describe("a module that is added to the registry", () => {
  it("has its tables and its calls in a tenant that exists already", () =>
    inOlderTenant("host-a", async (tenant) => {
      expect(await tenant.notes.add({ id: "one", file: null, seconds: 60 })).toEqual({ owner: "host-a" });
      const listed: string[] = await tenant.notes.list();
      expect(listed).toEqual(["one"]);
      expect(await tenant.account.info()).toMatchObject({ id: "host-a" });
    }));

  it("has its turn on the alarm", () =>
    inOlderTenant("host-b", async (tenant, host, { storage }) => {
      await tenant.notes.add({ id: "one", file: null, seconds: 60 });
      const alarm = (await storage.getAlarm()) ?? 0;
      expect(Math.abs(alarm - Date.now() - 60_000)).toBeLessThan(2_000);
      vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 61_000 });
      await host.alarm();
      expect(await tenant.notes.list()).toEqual([]);
      vi.useRealTimers();
    }));

  it("keeps the files that its rows need", () =>
    inOlderTenant("host-c", async (tenant) => {
      const { id } = await tenant.files.begin();
      await tenant.files.finish(
        id,
        { filename: "a", bytes: 1, sha256: "", format: "chat", lines: 1, trainable: 1, dataset: DATASET_FACTS },
        null,
      );
      await tenant.notes.add({ id: "one", file: id, seconds: 60 });
      await expect(tenant.files.delete(id)).rejects.toMatchObject({
        code: "conflict",
        message: "The note one is about this file. Delete it first.",
      });
    }));
});

describe("a host", () => {
  it("throws errors with their codes, also for calls that do not exist", () =>
    inOlderTenant("host-d", async (tenant, host) => {
      await expect(tenant.notes.fail()).rejects.toMatchObject({ code: "conflict", param: "note" });
      for (const [module, method] of [
        ["notes", "remove"],
        ["notes", "constructor"],
        ["constructor", "name"],
        ["toString", "call"],
      ] as const) {
        expect(await host.invoke(module, method, [])).toMatchObject({ ok: false, code: "internal_error" });
      }
    }));

  it("goes on to the other duties where one fails, and comes back soon", () =>
    inOlderTenant("host-e", async (tenant, host, { storage }) => {
      const log = vi.spyOn(console, "error").mockImplementation(() => {});
      await tenant.notes.add({ id: "one", file: null, seconds: -1 });
      await tenant.notes.add({ id: "two", file: null, seconds: 0.1 });
      storage.sql.exec("INSERT INTO blobs VALUES ('x', 'doomed', 0)");
      const bucket = vi.spyOn(env.BLOBS, "delete").mockRejectedValue(new Error("R2 is away"));
      await storage.deleteAlarm();
      await host.alarm();
      bucket.mockRestore();
      expect(log).toHaveBeenCalledWith("the alarm's work for blobs failed and will run again", expect.any(Error));
      expect(await tenant.notes.list()).toEqual(["two"]);
      expect((await storage.getAlarm()) ?? 0).toBeGreaterThan(Date.now() + 1_000);
      log.mockRestore();
    }));
});
