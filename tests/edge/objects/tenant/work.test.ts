import { env } from "cloudflare:test";
import { beforeAll, describe, expect, it } from "vitest";
import { tenantObject } from "../../../../edge/objects/remote.ts";
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

describe("following a job's events", () => {
  it("returns at once what is there, and waits for what is not", async () => {
    const id = await given();
    const first = await tenant.followEvents(id, 0, 10_000);
    expect(first).toMatchObject({ ended: false, events: [{ message: `Created fine-tuning job: ${id}` }] });
    const waiting = tenant.followEvents(id, first.cursor, 10_000);
    await tenant.pauseJob(id);
    const second = await waiting;
    expect(second.events.map(({ message }) => message)).toEqual(["The job was paused"]);
    expect(await tenant.followEvents(id, second.cursor, 20)).toEqual({
      events: [],
      cursor: second.cursor,
      ended: false,
    });
    await tenant.cancelJob(id);
    const last = await tenant.followEvents(id, second.cursor, 20);
    expect(last).toMatchObject({ ended: false, events: [{ message: "The job was cancelled" }] });
    expect(await tenant.followEvents(id, last.cursor, 10_000)).toEqual({
      events: [],
      cursor: last.cursor,
      ended: true,
    });
  });
});

describe("changing a job's course", () => {
  it("does nothing twice", async () => {
    const id = await given();
    for (const change of [
      tenant.pauseJob,
      tenant.pauseJob,
      tenant.resumeJob,
      tenant.resumeJob,
      tenant.cancelJob,
      tenant.cancelJob,
    ]) {
      await change(id);
    }
    const { data } = await tenant.listEvents(id, { limit: 50 });
    expect(data.map(({ message }) => message)).toEqual([
      "The job was cancelled",
      "The job was resumed",
      "The job was paused",
      `Created fine-tuning job: ${id}`,
    ]);
    await expect(tenant.pauseJob(id)).rejects.toMatchObject({ code: "conflict" });
    await expect(tenant.resumeJob("ftjob-x")).rejects.toMatchObject({ code: "not_found" });
  });
});

it("a base that is not there is an unknown model", async () => {
  await expect(tenant.resolveModel("nothing", [])).rejects.toMatchObject({ code: "model_not_found", param: "model" });
  expect(await tenant.resolveModel("work-base", [])).toMatchObject({ weights: null, deltas: [] });
});
