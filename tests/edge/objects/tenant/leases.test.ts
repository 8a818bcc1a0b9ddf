import { env } from "cloudflare:test";
import { beforeAll, describe, expect, it } from "vitest";
import { tenantObject } from "../../../../edge/objects/remote.ts";
import type { Lease } from "../../../../shared/api/trainer.ts";
import { Api } from "../../support/api.ts";
import { FakeTrainer } from "../../support/fake-trainer.ts";

const api = new Api();
const trainer = new FakeTrainer(api, "leases");
const tenant = tenantObject(env, "leases-tenant");
let key: string;
let file: string;

beforeAll(async () => {
  await api.base("leases-base");
  key = await api.tenant("leases-tenant");
  file = await api.dataset(key);
});

async function leased(): Promise<Lease> {
  await api.call("POST", "/v1/fine_tuning/jobs", { key, body: { model: "leases-base", training_file: file } });
  const lease = await trainer.lease();
  if (lease === undefined) throw new Error("nothing to lease");
  return lease;
}

const messages = async (job: string) =>
  (await tenant.events.list(job, { limit: 50 })).data.map(({ level, message }) => [level, message]);

describe("a job in the hands of a trainer", () => {
  it("goes back in the queue when its lease lapses, and fails when it is given up", async () => {
    const lease = await leased();
    await tenant.leases.noteLapse({ ...lease, fence: lease.fence - 1 }, 1);
    expect(await tenant.jobs.get(lease.job)).toMatchObject({ status: "running" });
    // It may be the lapse of a lease that the tenant was never told of.
    await tenant.leases.noteLapse({ ...lease, fence: lease.fence + 1 }, 1);
    expect(await tenant.jobs.get(lease.job)).toMatchObject({ status: "queued" });
    expect(await tenant.leases.giveUp(lease, 5)).toBe("failed");
    expect(await tenant.leases.giveUp(lease, 5)).toBe("failed");
    expect(await messages(lease.job)).toMatchObject([
      ["error", expect.stringContaining("5 trainers in a row stopped")],
      ["warn", "The trainer stopped answering; the job is queued again (tries left: 4)"],
      ["info", "A trainer has taken the job"],
      ["info", `Created fine-tuning job: ${lease.job}`],
    ]);
  });

  it("is not given up while it is paused", async () => {
    const lease = await leased();
    await tenant.jobs.pause(lease.job);
    expect(await tenant.leases.giveUp(lease, 5)).toBeNull();
    await tenant.jobs.cancel(lease.job);
  });

  it("is handed back once, whatever the reason", async () => {
    const lease = await leased();
    expect(await tenant.leases.release(lease, "shutdown")).toBe("queued");
    expect(await tenant.leases.release(lease, "shutdown")).toBe("queued");
    expect((await messages(lease.job)).filter(([, message]) => message?.includes("was shut down"))).toHaveLength(1);
    await tenant.jobs.cancel(lease.job);
    const error = { code: "non_finite", message: "m", param: null };
    expect(await tenant.leases.fail(lease, error)).toBe("cancelled");
  });

  it("is nothing of a tenant that was never created", async () => {
    const nobody = tenantObject(env, "leases-nobody");
    const terms = { job: "ftjob-x", fence: 1, tenant: "leases-nobody", attempt: 1, leaseSeconds: 1 };
    expect(await nobody.leases.begin(terms)).toEqual({ lease: null, ended: "unknown" });
    await expect(nobody.leases.heartbeat(terms, {})).rejects.toMatchObject({ code: "not_found" });
  });
});
