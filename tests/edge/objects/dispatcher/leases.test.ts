import { env, evictDurableObject, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Dispatcher } from "../../../../edge/objects/dispatcher.ts";
import { endNotice, queuedNotice } from "../../support/job-notice.ts";

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
    const invoke = async (_: string, method: string, args: never[]) => ({
      ok: true,
      value: await tenant[method]?.(...args),
    });
    const object = { invoke };
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

const job = (name: string) => ({ job: name, tenant: "t", executor: null, base: "b" });
const granted = { begin: (terms: { job: string; fence: number }) => ({ lease: terms, ended: null }) };
let resume = async (): Promise<void> => {};
const later = (seconds: number) => vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + seconds * 1000 });

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("leases", () => {
  it("counts fences on after it was evicted", async () => {
    const stub = fresh();
    const lease = (name: string) =>
      inside(stub, granted, async (dispatcher) => {
        dispatcher.calls.queue.notice([queuedNotice(job(name))]);
        return dispatcher.calls.leases.take(request);
      });
    expect(await lease("one")).toMatchObject({ job: "one", fence: 1 });
    await evictDurableObject(stub);
    expect(await lease("two")).toMatchObject({ job: "two", fence: 2 });
  });

  it("never gives one job to two who ask together", () =>
    inside(fresh(), granted, async (dispatcher) => {
      for (const name of ["one", "two"]) dispatcher.calls.queue.notice([queuedNotice(job(name))]);
      const leases = await Promise.all([1, 2, 3].map(() => dispatcher.calls.leases.take(request)));
      expect(leases.map((lease) => lease?.job)).toEqual(["one", "two", undefined]);
    }));

  it("drops what its tenant has ended, and goes on to the next", () =>
    inside(
      fresh(),
      {
        begin: (terms: { job: string }) =>
          terms.job === "gone" ? { lease: null, ended: "cancelled" } : { lease: terms, ended: null },
      },
      async (dispatcher) => {
        for (const name of ["gone", "there"]) dispatcher.calls.queue.notice([queuedNotice(job(name))]);
        expect(await dispatcher.calls.leases.take(request)).toMatchObject({ job: "there" });
        expect(dispatcher.calls.queue.counts()).toMatchObject({ queued: 0, leased: 1, ended: { cancelled: 1 } });
      },
    ));

  it("keeps a job that was set aside and queued again while its tenant was asked about it", () => {
    const answers = [{ lease: null, ended: null }];
    return inside(
      fresh(),
      {
        begin: async (terms: { job: string }) => {
          const answer = answers.pop();
          // What the tenant says of a pause arrives after the resumption that followed it.
          if (answer !== undefined) await resume();
          return answer ?? { lease: terms, ended: null };
        },
      },
      async (dispatcher) => {
        resume = async () => {
          dispatcher.calls.queue.notice([endNotice("one", null)]);
          dispatcher.calls.queue.notice([queuedNotice(job("one"))]);
        };
        dispatcher.calls.queue.notice([queuedNotice(job("one"))]);
        expect(await dispatcher.calls.leases.take(request)).toMatchObject({ job: "one", fence: 2 });
      },
    );
  });

  it("does not take a lease for lapsed that was prolonged while it settled another", async () => {
    const stub = fresh();
    await inside(stub, granted, async (dispatcher) => {
      for (const name of ["one", "two"]) dispatcher.calls.queue.notice([queuedNotice(job(name))]);
      for (const fence of [1, 2]) expect(await dispatcher.calls.leases.take(request)).toMatchObject({ fence });
    });
    later(11);
    const lapsed: string[] = [];
    const noteLapse = async (hold: { job: string }) => {
      lapsed.push(hold.job);
      await resume();
    };
    await inside(stub, { noteLapse } as never, async (dispatcher) => {
      resume = async () => void (await dispatcher.calls.queue.extend({ job: "two", fence: 2 }));
      await dispatcher.alarm();
      expect(lapsed).toEqual(["one"]);
      expect(dispatcher.calls.queue.counts()).toMatchObject({ queued: 1, leased: 1 });
    });
  });

  it("is not held up by a job that cannot be begun", () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    return inside(
      fresh(),
      {
        begin: (terms: { job: string }) => {
          if (terms.job === "poison") throw new Error("no");
          return { lease: terms, ended: null };
        },
      },
      async (dispatcher) => {
        for (const name of ["poison", "good"]) dispatcher.calls.queue.notice([queuedNotice(job(name))]);
        expect(await dispatcher.calls.leases.take(request)).toMatchObject({ job: "good" });
        expect(log).toHaveBeenCalled();
      },
    );
  });

  it("has its alarm set while a lease is out", async () => {
    const stub = fresh();
    await inside(stub, granted, async (dispatcher, { storage }) => {
      dispatcher.calls.queue.notice([queuedNotice(job("one"))]);
      expect(await storage.getAlarm()).toBeNull();
      await dispatcher.calls.leases.take(request);
      const alarm = (await storage.getAlarm()) ?? 0;
      expect(Math.abs(alarm - Date.now() - 10_000)).toBeLessThan(2_000);
    });
  });

  it("tries again when a lapse cannot be told to the tenant", async () => {
    const stub = fresh();
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    await inside(stub, granted, async (dispatcher, { storage }) => {
      dispatcher.calls.queue.notice([queuedNotice(job("one"))]);
      await dispatcher.calls.leases.take(request);
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
      expect(dispatcher.calls.queue.counts()).toMatchObject({ leased: 1 });
      const alarm = (await storage.getAlarm()) ?? 0;
      expect(alarm - Date.now()).toBeGreaterThan(1_000);
    });
    later(11);
    await inside(stub, { giveUp: () => "failed" }, async (dispatcher) => {
      await dispatcher.alarm();
      expect(dispatcher.calls.queue.counts()).toMatchObject({ leased: 0, ended: { failed: 1 } });
    });
    expect(log).toHaveBeenCalled();
  });

  it("forgets a job whose tenant knows nothing of it", async () => {
    const stub = fresh();
    await inside(stub, granted, async (dispatcher) => {
      dispatcher.calls.queue.notice([queuedNotice({ ...job("unknown"), tenant: "dispatcher-nobody" })]);
      await dispatcher.calls.leases.take(request);
    });
    later(11);
    await runInDurableObject(stub, async (instance) => {
      await (instance as Dispatcher).alarm();
      expect((instance as Dispatcher).calls.queue.counts()).toMatchObject({ leased: 0, queued: 0, ended: {} });
    });
  });
});
