import { beforeAll, describe, expect, it } from "vitest";
import type { Job } from "../../../../shared/api/jobs.ts";
import { Api, CHAT_LINES } from "../../support/api.ts";
import { FakeTrainer } from "../../support/fake-trainer.ts";

const api = new Api();
const model = "keeping-base";
const path = "/v1/fine_tuning/jobs";
let key: string;
let file: string;
let old: string;

beforeAll(async () => {
  await api.base(model);
  key = await api.tenant("keeper");
  file = await api.dataset(key);
  old = await api.dataset(key, [{ text: "An old text." }, ...CHAT_LINES]);
});

const supervised = (hyperparameters: object) => ({ type: "supervised", supervised: { hyperparameters } });
const body = (hyperparameters: object, fields: object = {}) => ({
  ...{ model, training_file: file, method: supervised(hyperparameters) },
  ...fields,
});
const refused = (hyperparameters: object, fields?: object) =>
  api.refusal("POST", path, { key, body: body(hyperparameters, fields) });
const at = (field: string) => `method.supervised.hyperparameters.${field}`;

describe("a job that rehearses a file", () => {
  it("hands it to its trainer, and keeps it until it ends", async () => {
    const { id } = await api.call<Job>("POST", path, {
      key,
      body: body({ rehearsal_file: old, rehearsal_ratio: 0.3 }),
    });
    const lease = (await new FakeTrainer(api).lease())!;
    expect(lease.job).toBe(id);
    expect(lease.rehearsal_file).toMatchObject({ id: old, lines: 1 + CHAT_LINES.length });
    expect(await api.refusal("DELETE", `/v1/files/${old}`, { key })).toMatchObject({ status: 409 });
    await api.call("POST", `${path}/${id}/cancel`, { key });
    await api.call("DELETE", `/v1/files/${old}`, { key });
  });

  it("is refused for a file that is not there, or of another kind, by field", async () => {
    expect(await refused({ rehearsal_file: "file-none" })).toMatchObject({ status: 404, param: at("rehearsal_file") });
    const pairs = await api.dataset(key, [{ positive: "a", negative: "b" }]);
    expect(await refused({ rehearsal_file: pairs })).toMatchObject({ status: 400, param: at("rehearsal_file") });
  });

  it("is refused by a dry run as by the creation", async () => {
    const dry = (hyperparameters: object, fields?: object) =>
      api.refusal("POST", `${path}?validate=true`, { key, body: body(hyperparameters, fields) });
    expect(await dry({ rehearsal_file: "file-none" })).toMatchObject({ status: 404, param: at("rehearsal_file") });
    for (const setting of [{ early_stopping_patience: 2 }, { load_best_model_at_end: true }]) {
      expect(await dry(setting)).toMatchObject({ status: 400, param: at(Object.keys(setting)[0]!) });
    }
  });

  it("is refused in a trial of a sweep, by the axis that names it", async () => {
    const axes = [{ path: "hyperparameters.rehearsal_file", values: [file, "file-none"] }];
    const method = { type: "sweep", sweep: { method: { type: "supervised" }, axes } };
    expect(
      await api.refusal("POST", path, { key, body: { model, training_file: file, validation_file: file, method } }),
    ).toMatchObject({ status: 404, param: "method.sweep.axes[0].values[1]" });
  });

  it("is refused for the texts of a base without any", async () => {
    expect(await refused({ rehearsal_file: "base" })).toMatchObject({
      ...{ status: 400, code: "invalid_request", param: at("rehearsal_file") },
      message: expect.stringContaining("comes without texts of its own (corpus.jsonl)"),
    });
  });
});

describe("a job that compares validation losses", () => {
  it.each([
    [{ early_stopping_patience: 2 }, "early_stopping_patience"],
    [{ load_best_model_at_end: true }, "load_best_model_at_end"],
  ])("needs a validation file: %j", async (hyperparameters, field) => {
    expect(await refused(hyperparameters)).toMatchObject({ status: 400, code: "invalid_request", param: at(field) });
    const { id } = await api.call<Job>("POST", path, { key, body: body(hyperparameters, { validation_file: file }) });
    await api.call("POST", `${path}/${id}/cancel`, { key });
  });

  it("is refused as a stage of a pipeline, by the stage's field", async () => {
    const stages = [{ name: "one", method: supervised({ early_stopping_patience: 2 }) }];
    const method = { type: "pipeline", pipeline: { stages } };
    expect(await api.refusal("POST", path, { key, body: { model, training_file: file, method } })).toMatchObject({
      param: expect.stringMatching(/stages.*early_stopping_patience$/),
    });
  });
});
