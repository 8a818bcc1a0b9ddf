import { beforeAll, expect, it } from "vitest";
import { Api, storing, TRAINER_TOKEN } from "../../support/api.ts";
import { openai } from "../../support/client.ts";
import { FakeTrainer } from "../../support/fake-trainer.ts";

const api = new Api();
let key: string;
let training_file: string;

beforeAll(async () => {
  await api.base("results-base");
  key = await api.tenant("resulting");
  training_file = await api.dataset(key);
});

const create = () =>
  api.call<{ id: string }>("POST", "/v1/fine_tuning/jobs", { key, body: { model: "results-base", training_file } });

const metrics = (seq: number, data: Record<string, unknown>) => ({
  seq,
  level: "info",
  message: `Step ${data.step}`,
  type: "metrics",
  data,
});

it("a job that succeeded has its steps as a table and for TensorBoard, once each", async () => {
  const { id } = await create();
  const trainer = new FakeTrainer(api);
  const lease = await trainer.lease();
  if (lease === undefined) throw new Error("no lease");
  const second = {
    step: 2,
    total_steps: 2,
    loss: 0.5,
    mean_token_accuracy: 0.625,
    valid_loss: 0.75,
    valid_mean_token_accuracy: 0.5,
  };
  await trainer.events(lease, [metrics(0, second), metrics(1, { step: 1, total_steps: 2, loss: 2.5 })]);
  // A run that was killed repeats its steps.
  await trainer.events(lease, [metrics(2, second)]);
  const client = openai(api, key);
  expect((await client.fineTuning.jobs.retrieve(id)).result_files).toEqual([]);
  await trainer.complete(lease, await trainer.artefacts(lease, "results"));

  const { result_files: files } = await client.fineTuning.jobs.retrieve(id);
  expect(files).toHaveLength(2);
  const [table = "", events = ""] = files;
  expect(await client.files.retrieve(table)).toMatchObject({
    filename: "step_metrics.csv",
    purpose: "fine-tune-results",
  });
  expect(await (await client.files.content(table)).text()).toBe(
    "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy\n1,2.5,,,\n2,0.5,0.625,0.75,0.5\n",
  );
  expect((await client.files.retrieve(events)).filename).toMatch(/^events\.out\.tfevents\.\d{10}\.ftjob-/);
  const bytes = new Uint8Array(await (await client.files.content(events)).arrayBuffer());
  expect(new TextDecoder("latin1").decode(bytes)).toMatch(/brain\.Event:2.*train\/loss.*valid\/loss/s);

  const listed = async (purpose: string) =>
    (await api.call<{ data: { id: string }[] }>("GET", `/v1/files?purpose=${purpose}`, { key })).data.map(
      ({ id }) => id,
    );
  expect(await listed("fine-tune-results")).toEqual([events, table]);
  expect(await listed("fine-tune")).toEqual([training_file]);
  expect(await listed("assistants")).toEqual([]);
  for (const body of [
    { model: "results-base", training_file: table },
    { model: "results-base", training_file, validation_file: table },
  ]) {
    for (const path of ["/v1/fine_tuning/jobs", "/v1/fine_tuning/jobs?validate=true"]) {
      expect(await api.refusal("POST", path, { key, body })).toMatchObject({
        status: 400,
        message: `The file ${table} holds the results of ${id}. Name a file that was uploaded with purpose "fine-tune".`,
      });
    }
  }
  await client.files.delete(events);
  expect((await client.fineTuning.jobs.retrieve(id)).result_files).toEqual([table]);
});

it("a job shows the files that were kept for its owner after those of its steps, or alone where it failed", async () => {
  const names = async (fails: boolean) => {
    const { id } = await create();
    const trainer = new FakeTrainer(api);
    const lease = (await trainer.lease())!;
    const body = new TextEncoder().encode(id);
    const path = `/v1/trainer/jobs/${id}/kept/report.json`;
    await api.call("PUT", path, { key: TRAINER_TOKEN, headers: await storing(lease, body), body });
    await trainer.events(lease, [metrics(0, { step: 1, total_steps: 1, loss: 2 })]);
    const error = { code: "non_finite", message: "No number.", param: null };
    if (fails) await api.call("POST", `/v1/trainer/jobs/${id}/fail`, trainer.held(lease, { error }));
    else await trainer.complete(lease, await trainer.artefacts(lease, "kept"));
    const { files } = openai(api, key);
    const { result_files: ids } = await openai(api, key).fineTuning.jobs.retrieve(id);
    return Promise.all(ids.map(async (file) => (await files.retrieve(file)).filename));
  };
  expect(await names(false)).toEqual([
    "step_metrics.csv",
    expect.stringMatching(/^events\.out\.tfevents/),
    "report.json",
  ]);
  expect(await names(true)).toEqual(["report.json"]);
});

it("a job that reported no step has none", async () => {
  const { id } = await create();
  await new FakeTrainer(api).work("silent");
  expect((await openai(api, key).fineTuning.jobs.retrieve(id)).result_files).toEqual([]);
});
