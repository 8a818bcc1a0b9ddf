import { env, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { expect, it, vi } from "vitest";
import type { Dispatcher } from "../../../edge/objects/dispatcher.ts";

it("the Dispatcher sets its alarm again when a sweep fails", async () => {
  const stub = env.DISPATCHER.get(env.DISPATCHER.idFromName("dispatcher test"));
  const log = vi.spyOn(console, "error").mockImplementation(() => {});
  await runInDurableObject(stub, async (instance, { storage }) => {
    storage.sql.exec("INSERT INTO blobs VALUES ('x', 'doomed', 0)");
    const bucket = { delete: () => Promise.reject(new Error("R2 is away")) };
    const bindings = vi.spyOn(instance as unknown as { env: unknown }, "env", "get");
    bindings.mockReturnValue({ ...env, BLOBS: bucket });
    await (instance as Dispatcher).alarm();
    bindings.mockRestore();
    expect((await storage.getAlarm()) ?? 0).toBeGreaterThan(Date.now() + 1_000);
  });
  await runDurableObjectAlarm(stub);
  await runInDurableObject(stub, (_, { storage }) => {
    expect(storage.sql.exec("SELECT * FROM blobs").toArray()).toEqual([]);
  });
  expect(log).toHaveBeenCalled();
  log.mockRestore();
});
