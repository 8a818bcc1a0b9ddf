import { env, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Dispatcher } from "../../../edge/objects/dispatcher.ts";
import { unwrap } from "../../../edge/objects/outcome.ts";

const request = { trainer: "a", executors: ["onnxruntime" as const], lease_seconds: 10 };
let count = 0;

/** A Dispatcher of its own, so that no other test's jobs are in its queue. */
function fresh(): DurableObjectStub {
  return env.DISPATCHER.get(env.DISPATCHER.idFromName(`dispatcher test ${count++}`));
}

/** Runs a body inside the object, with tenants that answer as `tenant` does. */
function inside<T>(
  stub: DurableObjectStub,
  tenant: Record<string, (...args: never[]) => unknown>,
  body: (dispatcher: Dispatcher, state: DurableObjectState) => Promise<T>,
): Promise<T> {
  return runInDurableObject(stub, async (instance, state) => {
    if (!(instance instanceof Dispatcher)) throw new Error("not a Dispatcher");
    const answer =
      (method: string) =>
      async (...args: never[]) => ({ ok: true, value: await tenant[method]?.(...args) });
    const object = new Proxy({}, { get: (_, method) => (typeof method === "string" ? answer(method) : undefined) });
    const namespace = { idFromName: () => "id", get: () => object };
    const bindings = vi.spyOn(instance as unknown as { env: unknown }, "env", "get");
    bindings.mockReturnValue({ ...env, TENANT: namespace });
    try {
      return await body(instance, state);
    } finally {
      bindings.mockRestore();
    }
  });
}

const job = (name: string) => ({ job: name, tenant: "t", executor: null });
const granted = { beginLease: (terms: { job: string; fence: number }) => ({ lease: terms, ended: null }) };
let resume = async (): Promise<void> => {};
const later = (seconds: number) => vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + seconds * 1000 });

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("the Dispatcher", () => {
  it("counts fences on after it was evicted", async () => {
    const stub = fresh();
    const lease = (name: string) =>
      inside(stub, granted, async (dispatcher) => {
        await dispatcher.enqueue(job(name));
        return unwrap(dispatcher.lease(request));
      });
    expect(await lease("one")).toMatchObject({ job: "one", fence: 1 });
    await evictDurableObject(stub);
    expect(await lease("two")).toMatchObject({ job: "two", fence: 2 });
  });

  it("never gives one job to two who ask together", () =>
    inside(fresh(), granted, async (dispatcher) => {
      for (const name of ["one", "two"]) await dispatcher.enqueue(job(name));
      const leases = await Promise.all([1, 2, 3].map(() => unwrap(dispatcher.lease(request))));
      expect(leases.map((lease) => lease?.job)).toEqual(["one", "two", undefined]);
    }));

  it("drops what its tenant has ended, and goes on to the next", () =>
    inside(
      fresh(),
      {
        beginLease: (terms: { job: string }) =>
          terms.job === "gone" ? { lease: null, ended: "cancelled" } : { lease: terms, ended: null },
      },
      async (dispatcher) => {
        for (const name of ["gone", "there"]) await dispatcher.enqueue(job(name));
        expect(await unwrap(dispatcher.lease(request))).toMatchObject({ job: "there" });
        expect(await unwrap(dispatcher.counts())).toMatchObject({ queued: 0, leased: 1, ended: { cancelled: 1 } });
      },
    ));

  it("keeps a job that was set aside and queued again while its tenant was asked about it", () => {
    const answers = [{ lease: null, ended: null }];
    return inside(
      fresh(),
      {
        beginLease: async (terms: { job: string }) => {
          const answer = answers.pop();
          // What the tenant says of a pause arrives after the resumption that followed it.
          if (answer !== undefined) await resume();
          return answer ?? { lease: terms, ended: null };
        },
      },
      async (dispatcher) => {
        resume = async () => {
          await dispatcher.withdraw("one", null);
          await dispatcher.enqueue(job("one"));
        };
        await dispatcher.enqueue(job("one"));
        expect(await unwrap(dispatcher.lease(request))).toMatchObject({ job: "one", fence: 2 });
      },
    );
  });

  it("does not take a lease for lapsed that was prolonged while it settled another", async () => {
    const stub = fresh();
    await inside(stub, granted, async (dispatcher) => {
      for (const name of ["one", "two"]) await dispatcher.enqueue(job(name));
      for (const fence of [1, 2]) expect(await unwrap(dispatcher.lease(request))).toMatchObject({ fence });
    });
    later(11);
    const lapsed: string[] = [];
    const noteLapse = async (hold: { job: string }) => {
      lapsed.push(hold.job);
      await resume();
    };
    await inside(stub, { noteLapse } as never, async (dispatcher) => {
      resume = async () => void (await dispatcher.extend({ job: "two", fence: 2 }));
      await dispatcher.alarm();
      expect(lapsed).toEqual(["one"]);
      expect(await unwrap(dispatcher.counts())).toMatchObject({ queued: 1, leased: 1 });
    });
  });

  it("is not held up by a job that cannot be begun", () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    return inside(
      fresh(),
      {
        beginLease: (terms: { job: string }) => {
          if (terms.job === "poison") throw new Error("no");
          return { lease: terms, ended: null };
        },
      },
      async (dispatcher) => {
        for (const name of ["poison", "good"]) await dispatcher.enqueue(job(name));
        expect(await unwrap(dispatcher.lease(request))).toMatchObject({ job: "good" });
        expect(log).toHaveBeenCalled();
      },
    );
  });

  it("has its alarm set while a lease is out", async () => {
    const stub = fresh();
    await inside(stub, granted, async (dispatcher, { storage }) => {
      await dispatcher.enqueue(job("one"));
      expect(await storage.getAlarm()).toBeNull();
      await dispatcher.lease(request);
      const alarm = (await storage.getAlarm()) ?? 0;
      expect(Math.abs(alarm - Date.now() - 10_000)).toBeLessThan(2_000);
    });
  });

  it("tries again when a lapse cannot be told to the tenant", async () => {
    const stub = fresh();
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    await inside(stub, granted, async (dispatcher, { storage }) => {
      await dispatcher.enqueue(job("one"));
      await dispatcher.lease(request);
      storage.sql.exec("UPDATE queue SET attempts = 5");
    });
    const broken = {
      giveUp: () => {
        throw new Error("away");
      },
    };
    later(11);
    await inside(stub, broken, async (dispatcher, { storage }) => {
      // As when an alarm goes off: it is no longer set.
      await storage.deleteAlarm();
      await dispatcher.alarm();
      expect(await unwrap(dispatcher.counts())).toMatchObject({ leased: 1 });
      const alarm = (await storage.getAlarm()) ?? 0;
      expect(alarm - Date.now()).toBeGreaterThan(1_000);
    });
    later(11);
    await inside(stub, { giveUp: () => "failed" }, async (dispatcher) => {
      await dispatcher.alarm();
      expect(await unwrap(dispatcher.counts())).toMatchObject({ leased: 0, ended: { failed: 1 } });
    });
    expect(log).toHaveBeenCalled();
  });

  it("forgets a job whose tenant knows nothing of it", async () => {
    const stub = fresh();
    await inside(stub, granted, async (dispatcher) => {
      await dispatcher.enqueue({ ...job("unknown"), tenant: "dispatcher-nobody" });
      await dispatcher.lease(request);
    });
    later(11);
    await runInDurableObject(stub, async (instance) => {
      await (instance as Dispatcher).alarm();
      expect(await unwrap((instance as Dispatcher).counts())).toMatchObject({ leased: 0, queued: 0, ended: {} });
    });
  });

  it("sets its alarm again when a sweep fails", async () => {
    const stub = fresh();
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
  });
});
