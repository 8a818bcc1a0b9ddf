import { env, evictDurableObject, runInDurableObject } from "cloudflare:test";
import { beforeAll, describe, expect, it } from "vitest";
import { tenantObject } from "../../../edge/objects/remote.ts";
import type { Lease } from "../../../shared/api/trainer.ts";
import { Api } from "../support/api.ts";
import { FakeTrainer } from "../support/fake-trainer.ts";

const api = new Api();
const trainer = new FakeTrainer(api, "object");
const tenant = tenantObject(env, "object-tenant");
let key: string;
let file: string;

beforeAll(async () => {
  await api.base("object-base");
  key = await api.tenant("object-tenant");
  file = await api.dataset(key);
});

async function leased(): Promise<Lease> {
  const body = { model: "object-base", training_file: file };
  await api.call("POST", "/v1/fine_tuning/jobs", { key, body });
  const lease = await trainer.lease();
  if (lease === undefined) throw new Error("nothing to lease");
  return lease;
}

describe("a tenant's jobs", () => {
  it("survive the object", async () => {
    const lease = await leased();
    await evictDurableObject(env.TENANT.get(env.TENANT.idFromName("object-tenant")));
    expect(await tenant.leases.heartbeat(lease, {})).toMatchObject({ cancel: false });
    await tenant.jobs.cancel(lease.job);
  });
});

it("a tenant that is older than a module has the module's tables when it is next woken", async () => {
  const stub = env.TENANT.get(env.TENANT.idFromName("object-tenant"));
  // As a tenant was left by a version without records of its modules, and without this one.
  await runInDurableObject(stub, (_, { storage }) => {
    for (const table of ["modules", "checkpoints"]) storage.sql.exec(`DROP TABLE ${table}`);
  });
  await evictDurableObject(stub);
  const lease = await leased();
  expect(await tenant.checkpoints.list(lease.job, { limit: 1 })).toMatchObject({ data: [] });
  expect(await tenant.jobs.list({ limit: 1 })).toMatchObject({ data: [{ id: lease.job }] });
  await tenant.jobs.cancel(lease.job);
});
