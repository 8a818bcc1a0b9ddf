import { beforeAll, describe, expect, it } from "vitest";
import type { Lease } from "../../../shared/api/trainer.ts";
import { Api, datasetForm } from "../support/api.ts";
import { FakeTrainer } from "../support/fake-trainer.ts";

const api = new Api();
const trainer = new FakeTrainer(api);
const JOBS = "/v1/fine_tuning/jobs";
const user = (content: string) => [{ role: "user", content }];
let key: string;
let pairs: string;
let prompts: string;

beforeAll(async () => {
  await api.base("steered-base");
  key = await api.tenant("steersman");
  pairs = await api.dataset(key, [
    { positive: "red one", negative: "blue one" },
    { prompt: "up", positive: " red", negative: " blue" },
  ]);
  prompts = await api.dataset(key, [
    { text: "red", label: 1 },
    { text: "blue", label: 0 },
  ]);
});

const body = (fields: Record<string, unknown> = {}, settings: Record<string, unknown> = {}) => ({
  model: "steered-base",
  training_file: pairs,
  method: { type: "steering_vector", steering_vector: settings },
  ...fields,
});
const condition = { when: "positive", prompts: "validation_file" };

describe("a job that makes a steering vector", () => {
  it("takes pairs, and prompts for its condition, and gives them to the trainer", async () => {
    const job = await api.call<{ id: string }>("POST", JOBS, {
      key,
      body: body({ validation_file: prompts }, { condition }),
    });
    const lease = (await trainer.lease())! as Lease;
    expect(lease).toMatchObject({
      job: job.id,
      method: {
        type: "steering_vector",
        steering_vector: { layers: "auto", condition: { when: "positive", layer: "auto" } },
      },
      training_file: { id: pairs },
      validation_file: { id: prompts },
    });
    await api.call("POST", `${JOBS}/${job.id}/cancel`, { key });
  });

  it("is tried out without being made: both sides are shown, and prompts to where a reply would begin", async () => {
    const reply = await api.call<Record<string, never>>("POST", `${JOBS}?validate=true`, { key, body: body() });
    expect(reply).toMatchObject({ valid: true, training_file: { lines: 2, kept: 2, error: null } });
    const chats = await api.dataset(key, [
      { positive: user("red"), negative: user("blue") },
      { positive: user("one"), negative: user("two") },
    ]);
    const open = await api.call("POST", `${JOBS}?validate=true`, { key, body: body({ training_file: chats }) });
    expect(open).toMatchObject({ valid: true, training_file: { kept: 2, dropped: 0, trained_tokens: 0 } });
  });

  it("refuses files of another kind by name, and pairs whose sides are equal at upload", async () => {
    const chats = await api.dataset(key);
    for (const [field, id] of [
      ["training_file", chats],
      ["training_file", prompts],
      ["validation_file", chats],
    ] as const) {
      const refusal = await api.refusal("POST", JOBS, { key, body: body({ [field]: id }, { condition }) });
      expect(refusal).toMatchObject({ code: "invalid_request", param: field });
    }
    const same = datasetForm([{ positive: "red", negative: "red" }]);
    expect(await api.refusal("POST", "/v1/files", { key, body: same })).toMatchObject({
      code: "invalid_file",
      param: "file",
      message: expect.stringContaining("negative: is the same as positive"),
    });
  });
});
