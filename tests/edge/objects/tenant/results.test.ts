import { env } from "cloudflare:test";
import { beforeAll, describe, expect, it } from "vitest";
import { tenantObject } from "../../../../edge/objects/remote.ts";
import type { Lease } from "../../../../shared/api/trainer.ts";
import { Api } from "../../support/api.ts";
import { FakeTrainer } from "../../support/fake-trainer.ts";

const api = new Api();
const trainer = new FakeTrainer(api, "results");
const tenant = tenantObject(env, "results-tenant");
let key: string;
let file: string;

beforeAll(async () => {
  await api.base("results-base");
  key = await api.tenant("results-tenant");
  file = await api.dataset(key);
});

async function leased(): Promise<Lease> {
  const body = { model: "results-base", training_file: file };
  await api.call("POST", "/v1/fine_tuning/jobs", { key, body });
  const lease = await trainer.lease();
  if (lease === undefined) throw new Error("nothing to lease");
  return lease;
}

const completion = (result: Awaited<ReturnType<FakeTrainer["artefacts"]>>) => ({
  result,
  metrics: {},
  trained_tokens: 5,
});

describe("results", () => {
  it("are published once by however many calls at the same time", async () => {
    const lease = await leased();
    const result = await trainer.artefacts(lease, "race");
    const names = await Promise.all([1, 2, 3].map(() => tenant.results.complete(lease, completion(result))));
    expect(new Set(names).size).toBe(1);
    const { data } = await tenant.events.list(lease.job, { limit: 50 });
    expect(data.filter(({ message }) => message.includes("successfully completed"))).toHaveLength(1);
    const usage = await tenant.account.usage();
    expect(usage.days[0]?.trained_tokens).toBe(5);
  });

  it("are not published by a lease that was overtaken while the files were checked", async () => {
    const lease = await leased();
    const result = await trainer.artefacts(lease, "overtaken");
    const publishing = tenant.results.complete(lease, completion(result));
    const overtaking = tenant.leases.begin({ ...lease, fence: lease.fence + 1, leaseSeconds: 30 });
    await Promise.allSettled([publishing, overtaking]);
    const job = await tenant.jobs.get(lease.job);
    // Whichever came first: a publication by the old fence after the new one was granted is impossible.
    if (job.status === "running") await expect(publishing).rejects.toMatchObject({ code: "stale_lease" });
    else expect(await overtaking).toMatchObject({ lease: null, ended: "succeeded" });
    if (job.status === "running") await tenant.jobs.cancel(lease.job);
  });

  it("do not keep an artefact that was stored with the wrong bytes", async () => {
    const lease = await leased();
    const { digest, files, kind } = await trainer.artefacts(lease, "rotten");
    const [first] = files;
    const name = `tenants/results-tenant/deltas/${digest}/${first?.name}`;
    await env.BLOBS.put(name, "rotten");
    await expect(tenant.results.complete(lease, completion({ kind, digest, files }))).rejects.toMatchObject({
      code: "invalid_delta",
    });
    await expect.poll(() => env.BLOBS.head(name)).toBeNull();
    const again = await trainer.artefacts(lease, "rotten");
    expect(await tenant.results.complete(lease, completion(again))).toMatch(/^ft:results-base:/);
  });

  it("share a result that two of them came to, until the last of them goes", async () => {
    const models: string[] = [];
    for (let i = 0; i < 2; i++) {
      const lease = await leased();
      models.push((await tenant.results.complete(lease, completion(await trainer.artefacts(lease, "shared"))))!);
    }
    const [first = "", second = ""] = models;
    const { deltas } = (await tenant.models.resolve({ name: first, deltas: [] })).model;
    expect((await tenant.models.resolve({ name: second, deltas: [] })).model.deltas).toEqual(deltas);
    await tenant.models.delete(first);
    const prefix = deltas[0]?.prefix ?? "none";
    expect((await env.BLOBS.list({ prefix })).objects).toHaveLength(4);
    await tenant.models.delete(second);
    await expect.poll(async () => (await env.BLOBS.list({ prefix })).objects).toEqual([]);
  });
});
