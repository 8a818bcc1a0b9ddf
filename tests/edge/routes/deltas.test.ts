import { expect, it } from "vitest";
import { Api } from "../support/api.ts";
import { FakeTrainer } from "../support/fake-trainer.ts";

it("deltas are listed, described and deleted with their models", async () => {
  const api = new Api();
  await api.base("delta-base");
  const key = await api.tenant("delta-owner");
  const file = await api.dataset(key);
  const trainer = new FakeTrainer(api);
  const models: string[] = [];
  for (const note of ["one", "two"]) {
    await api.call("POST", "/v1/fine_tuning/jobs", { key, body: { model: "delta-base", training_file: file } });
    models.push((await trainer.work(note)).model);
  }
  const page = await api.call<{ data: { id: string; models: string[] }[] }>("GET", "/v1/deltas?limit=1", { key });
  expect(page).toMatchObject({
    has_more: true,
    data: [{ object: "delta", base_model: "delta-base", models: [models[1]] }],
  });
  const [newest] = page.data;
  const path = `/v1/deltas/${newest?.id}`;
  expect(await api.call("GET", path, { key })).toEqual(newest);
  expect(await api.call("DELETE", path, { key })).toEqual({ id: newest?.id, object: "delta", deleted: true });
  expect(await api.refusal("GET", path, { key })).toMatchObject({ status: 404, param: "delta_id" });
  expect(await api.refusal("GET", `/v1/models/${encodeURIComponent(models[1] ?? "")}`, { key })).toMatchObject({
    status: 404,
  });
  expect(await api.call("GET", "/v1/deltas", { key })).toMatchObject({
    has_more: false,
    data: [{ models: [models[0]] }],
  });
});
