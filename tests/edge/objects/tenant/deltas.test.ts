import { env } from "cloudflare:test";
import { expect, it } from "vitest";
import { tenantObject } from "../../../../edge/objects/remote.ts";
import { Api } from "../../support/api.ts";
import { FakeTrainer } from "../../support/fake-trainer.ts";

it("a delta is found by its id, merged by any of its names, and deleted with all of them", async () => {
  const api = new Api();
  await api.base("deltas-base");
  const key = await api.tenant("deltas-tenant");
  const body = { model: "deltas-base", training_file: await api.dataset(key) };
  await api.call("POST", "/v1/fine_tuning/jobs", { key, body });
  const trainer = new FakeTrainer(api, "deltas");
  const { model } = await trainer.work("deltas");
  const tenant = tenantObject(env, "deltas-tenant");
  const [delta] = (await tenant.deltas.list({ limit: 5 })).data;
  if (delta === undefined) throw new Error("no delta");
  expect(await tenant.deltas.get(delta.id)).toEqual(delta);
  const folder = await tenant.deltas.folder(delta.id);
  const { base } = await tenant.models.base("deltas-base");
  expect(await tenant.deltas.toMerge(base, [{ id: model, weight: 1 }])).toEqual([folder]);
  await tenant.deltas.delete(delta.id);
  expect(await tenant.models.get(model)).toBeNull();
  await expect(tenant.deltas.get(delta.id)).rejects.toMatchObject({ code: "not_found", param: "delta_id" });
});
