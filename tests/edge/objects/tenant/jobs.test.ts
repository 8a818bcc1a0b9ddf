import { env, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { tenantObject } from "../../../../edge/objects/remote.ts";
import { Method } from "../../../../shared/api/methods.ts";
import { Api } from "../../support/api.ts";

const api = new Api();
const tenant = tenantObject(env, "worker-tenant");
let key: string;
let file: string;

beforeAll(async () => {
  await api.base("work-base");
  key = await api.tenant("worker-tenant");
  file = await api.dataset(key);
});

async function given(): Promise<string> {
  const body = { model: "work-base", training_file: file };
  return (await api.call<{ id: string }>("POST", "/v1/fine_tuning/jobs", { key, body })).id;
}

describe("changing a job's course", () => {
  it("does nothing twice", async () => {
    const id = await given();
    for (const change of [
      tenant.jobs.pause,
      tenant.jobs.pause,
      tenant.jobs.resume,
      tenant.jobs.resume,
      tenant.jobs.cancel,
      tenant.jobs.cancel,
    ]) {
      await change(id);
    }
    const { data } = await tenant.events.list(id, { limit: 50 });
    expect(data.map(({ message }) => message)).toEqual([
      "The job was cancelled",
      "The job was resumed",
      "The job was paused",
      `Created fine-tuning job: ${id}`,
    ]);
    await expect(tenant.jobs.pause(id)).rejects.toMatchObject({ code: "conflict" });
    await expect(tenant.jobs.resume("ftjob-x")).rejects.toMatchObject({ code: "not_found" });
  });
});

describe("a waiting job", () => {
  it("is offered to the Dispatcher again, should that have lost it", async () => {
    const api = new Api();
    await api.base("offer-base");
    const key = await api.tenant("offer-b");
    const body = { model: "offer-base", training_file: await api.dataset(key) };
    const { id } = await api.call<{ id: string }>("POST", "/v1/fine_tuning/jobs", { key, body });
    const stub = env.TENANT.get(env.TENANT.idFromName("offer-b"));
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
});

it("a job on a model that was deleted since it was named is not made", async () => {
  const base = { id: "work-base", digest: "d".repeat(64), prefix: "p/", files: [] };
  const parent = { ...base, model: "ft:gone", artefact: "delta-gone", kind: "delta" } as const;
  const request = { model: "ft:gone", training_file: file };
  const before = await tenant.jobs.list({ limit: 1 });
  await expect(
    tenant.jobs.create({ request, method: Method.parse({ type: "supervised" }), base, parent }, null),
  ).rejects.toMatchObject({ code: "model_not_found" });
  expect(await tenant.jobs.list({ limit: 1 })).toEqual(before);
});

it("a tenant has as many jobs waiting as it may, and 429 for more", async () => {
  const key = await api.tenant("queueing", { max_queued_jobs: 2 });
  const body = { model: "work-base", training_file: await api.dataset(key) };
  const create = () => api.call<{ id: string }>("POST", "/v1/fine_tuning/jobs", { key, body });
  const [first, second] = [await create(), await create()];
  const refused = await api.send("POST", "/v1/fine_tuning/jobs", { key, body });
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "10"]);
  expect(await refused.json()).toEqual({
    error: {
      message:
        "2 of your jobs wait for a trainer, and at most 2 may at a time. Wait until some have started, or cancel some.",
      type: "rate_limit_error",
      param: null,
      code: "rate_limit_exceeded",
    },
  });
  // Pausing one makes room for another, and then it has to wait outside.
  await api.call("POST", `/v1/fine_tuning/jobs/${first.id}/pause`, { key });
  const third = await create();
  expect(await api.refusal("POST", `/v1/fine_tuning/jobs/${first.id}/resume`, { key })).toMatchObject({ status: 429 });
  await api.call("POST", `/v1/fine_tuning/jobs/${second.id}/cancel`, { key });
  await api.call("POST", `/v1/fine_tuning/jobs/${first.id}/resume`, { key });
  for (const { id } of [first, third]) await api.call("POST", `/v1/fine_tuning/jobs/${id}/cancel`, { key });
});
