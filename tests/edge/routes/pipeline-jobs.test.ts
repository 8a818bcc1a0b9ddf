/** Pipelines over the whole Worker, with a trainer that only says what a real one would. */
import { beforeAll, describe, expect, it } from "vitest";
import type { Job, JobEvent } from "../../../shared/api/jobs.ts";
import { Api } from "../support/api.ts";
import { FakeTrainer } from "../support/fake-trainer.ts";

const api = new Api();
const trainer = new FakeTrainer(api);
const model = "pipe-base";
const path = "/v1/fine_tuning/jobs";
let key: string;
let chats: string;
let pairs: string;

beforeAll(async () => {
  await api.base(model);
  key = await api.tenant("piper");
  chats = await api.dataset(key);
  const pair = (name: string) => ({ prompt: `${name}?`, chosen: "ahoy", rejected: "no" });
  pairs = await api.dataset(key, [pair("a"), pair("b")]);
});

const pipeline = (settings: Record<string, unknown>) => ({ method: { type: "pipeline", pipeline: settings } });
const body = (settings: Record<string, unknown>) => ({ model, training_file: chats, ...pipeline(settings) });
const create = (settings: Record<string, unknown>, fields: object = {}) =>
  api.call<Job>("POST", path, { key, body: { ...body(settings), ...fields } });
const get = (id: string) => api.call<Job>("GET", `${path}/${id}`, { key });
const messages = async (id: string): Promise<string[]> => {
  const { data } = await api.call<{ data: JobEvent[] }>("GET", `${path}/${id}/events?limit=100`, { key });
  return data.map(({ message }) => message).reverse();
};
const until = async (id: string, holds: (job: Job) => boolean): Promise<Job> => {
  for (let tries = 0; tries < 200; tries++) {
    const job = await get(id);
    if (holds(job)) return job;
    await new Promise((done) => setTimeout(done, 25));
  }
  throw new Error(`still ${JSON.stringify(await get(id))}`);
};
const ended = (id: string) => until(id, ({ finished_at }) => finished_at !== null);
const stage = (job: Job, index: number) => job.stages![index]!;
const waitsFor = (id: string, index: number) => until(id, (job) => stage(job, index).job !== null);

const SFT_DPO = {
  stages: [
    { name: "sft", method: { type: "supervised" } },
    { name: "dpo", method: { type: "dpo" }, model: { stage: "sft" } },
  ],
};
const sftDpo = () => ({
  stages: [SFT_DPO.stages[0], { ...SFT_DPO.stages[1], training_file: pairs }],
});

describe("a pipeline", () => {
  it("runs stage after stage, each a job of its own, and ends with the last one's model", async () => {
    const made = await create(sftDpo(), { suffix: "s", seed: 7 });
    expect(made).toMatchObject({ status: "queued", seed: 7, method: { type: "pipeline" } });
    expect(made.method).toMatchObject({
      pipeline: { stages: [{ method: { supervised: { peft: { type: "lora" } } } }, { method: { dpo: {} } }] },
    });
    const first = await trainer.lease();
    expect(first).toMatchObject({ method: { type: "supervised" }, suffix: "s-sft", seed: 7, parent: null });
    expect(await get(made.id)).toMatchObject({
      status: "running",
      stages: [
        { name: "sft", type: "supervised", status: "running", job: first!.job },
        { name: "dpo", type: "dpo", status: "waiting", job: null },
      ],
    });
    expect(await get(first!.job)).toMatchObject({ pipeline: { job: made.id, stage: "sft" } });
    const sft = await trainer.complete(first!, await trainer.artefacts(first!));
    await waitsFor(made.id, 1);
    expect(await api.refusal("DELETE", `/v1/models/${sft.model}`, { key })).toMatchObject({ code: "conflict" });
    const second = await trainer.lease();
    expect(second).toMatchObject({ method: { type: "dpo" }, parent: { model: sft.model, kind: "delta" } });
    expect(second!.training_file.id).toBe(pairs);
    const dpo = await trainer.complete(second!, await trainer.artefacts(second!, "other"));
    const job = await ended(made.id);
    expect(job).toMatchObject({
      status: "succeeded",
      fine_tuned_model: dpo.model,
      trained_tokens: 240,
      error: null,
      stages: [
        { status: "succeeded", fine_tuned_model: sft.model, metrics: { train_loss: 0.5 } },
        { status: "succeeded", fine_tuned_model: dpo.model, metrics: { train_loss: 0.5 } },
      ],
    });
    expect(await messages(made.id)).toEqual([
      `Created fine-tuning job: ${made.id}`,
      `Stage 1 of 2, sft: queued as ${first!.job}`,
      "Stage 1 of 2, sft: a trainer has taken the job",
      "Stage 1 of 2, sft: succeeded, train_loss 0.5",
      `Stage 2 of 2, dpo: queued as ${second!.job}`,
      "Stage 2 of 2, dpo: a trainer has taken the job",
      "Stage 2 of 2, dpo: succeeded, train_loss 0.5",
      "The pipeline has successfully completed: all of its 2 stages",
      "The pipeline has ended: succeeded",
    ]);
    await api.call("DELETE", `/v1/models/${sft.model}`, { key });
  });
});
