/** Jobs that make data, over the whole Worker, and training on what they made. */
import { beforeAll, describe, expect, it } from "vitest";
import type { FileObject } from "../../../shared/api/files.ts";
import type { Job } from "../../../shared/api/jobs.ts";
import type { Lease } from "../../../shared/api/trainer.ts";
import { Api, storing, TRAINER_TOKEN } from "../support/api.ts";
import { FakeTrainer } from "../support/fake-trainer.ts";

const api = new Api();
const trainer = new FakeTrainer(api);
const model = "made-base";
const path = "/v1/fine_tuning/jobs";
let key: string;
let seeds: string;

beforeAll(async () => {
  await api.base(model);
  key = await api.tenant("maker");
  seeds = await api.dataset(key);
});

const body = (synthesize: Record<string, unknown>) => ({
  ...{ model, training_file: seeds },
  method: { type: "synthesize", synthesize },
});
const create = (synthesize: Record<string, unknown> = {}) =>
  api.call<Job>("POST", path, { key, body: body(synthesize) });

async function keep(lease: Lease, name: string, text: string): Promise<Response> {
  const bytes = new TextEncoder().encode(text);
  return await api.send("PUT", `/v1/trainer/jobs/${lease.job}/kept/${name}`, {
    key: TRAINER_TOKEN,
    headers: await storing(lease, bytes),
    body: bytes,
  });
}

const complete = (lease: Lease) =>
  api.call(
    "POST",
    `/v1/trainer/jobs/${lease.job}/complete`,
    trainer.held(lease, { result: null, metrics: { kept: 2 }, trained_tokens: 0 }),
  );

describe("a job that makes data", () => {
  it("ends without a model, and with a file that jobs train on", async () => {
    const made = await create({ rounds: 2 });
    expect(made.method).toMatchObject({
      synthesize: { approach: "self_instruct", style: "few_shot", temperature: 0.8 },
    });
    const lease = (await trainer.lease())!;
    const line = (at: number) => `${JSON.stringify({ prompt: `Task: ${at}`, completion: " done" })}\n`;
    expect((await keep(lease, "synthetic.jsonl", line(1) + line(2))).status).toBe(200);
    expect((await keep(lease, "rejected.jsonl", '{"id": "r1-1"}\n')).status).toBe(200);
    await complete(lease);
    const job = await api.call<Job>("GET", `${path}/${made.id}`, { key });
    expect(job).toMatchObject({ status: "succeeded", fine_tuned_model: null });
    const files = await Promise.all(
      job.result_files.map((id) => api.call<FileObject>("GET", `/v1/files/${id}`, { key })),
    );
    const [data, rejected] = ["synthetic.jsonl", "rejected.jsonl"].map(
      (name) => files.find((file) => file.filename === name)!,
    );
    expect(data).toMatchObject({
      purpose: "fine-tune-results",
      dataset: { examples: 2, kinds: expect.arrayContaining(["examples"]) },
    });
    expect(rejected).toMatchObject({ dataset: null });

    const train = (file: string) => ({ model, training_file: file, method: { type: "supervised" } });
    const tuned = await api.call<Job>("POST", path, { key, body: train(data!.id) });
    const taken = (await trainer.lease())!;
    expect(taken).toMatchObject({ job: tuned.id, training_file: { id: data!.id, lines: 2 } });
    expect(await (await trainer.read(taken, taken.training_file.path)).text()).toBe(line(1) + line(2));
    expect(await api.refusal("DELETE", `/v1/files/${data!.id}`, { key })).toMatchObject({ status: 409 });
    expect(await api.refusal("POST", path, { key, body: train(rejected!.id) })).toMatchObject({
      param: "training_file",
      message: expect.stringContaining("holds the results of"),
    });
    await api.call("POST", `${path}/${tuned.id}/cancel`, { key });
  });

  it("needs the validation file that a filter compares with", async () => {
    for (const query of ["", "?validate=true"]) {
      expect(
        await api.refusal("POST", `${path}${query}`, { key, body: body({ filters: { contamination: {} } }) }),
      ).toMatchObject({ status: 400, param: "method.synthesize.filters.contamination" });
    }
  });

  it("does not keep data that cannot be trained on", async () => {
    const made = await create();
    const lease = (await trainer.lease())!;
    expect((await keep(lease, "synthetic.jsonl", '{"nothing": 1}\n')).status).toBe(400);
    await api.call("POST", `${path}/${made.id}/cancel`, { key });
    expect((await api.call<Job>("GET", `${path}/${made.id}`, { key })).result_files).toEqual([]);
  });

  it.each<[Record<string, unknown>, string, string]>([
    [{ rounds: 0 }, "rounds", ""],
    [{ rounds: 50, per_round: 1000 }, "per_round", "50000 instructions"],
    [{ operations: ["deepen"] }, "operations", "evol alone"],
    [{ approach: "evol", operations: ["deepen", "deepen"] }, "operations", "twice"],
    [{ approach: "evol", operations: ["lengthen"] }, "operations[0]", ""],
    [{ filters: { elimination: {} } }, "filters.elimination", "evol alone"],
    [{ filters: { rouge: { max: 2 } } }, "filters.rouge.max", ""],
    [{ filters: { length: { min_words: 9, max_words: 3 } } }, "filters.length.max_words", "below min_words"],
    [{ filters: { spelling: {} } }, "filters.spelling", ""],
    [{ filters: { grade: {} } }, "filters.grade.grader", ""],
    [{ answerer: "nobody" }, "answerer", "nobody"],
    [{ templates: { task: "A:", answer: "A:" } }, "templates.answer", "differ"],
    [{ seed_share: 2 }, "seed_share", ""],
  ])("refuses %j", async (settings, field, words) => {
    expect(await api.refusal("POST", path, { key, body: body(settings) })).toMatchObject({
      status: expect.any(Number),
      param: `method.synthesize.${field}`,
      message: expect.stringContaining(words),
    });
  });

  it("is no stage of a pipeline", async () => {
    const stages = [{ name: "data", method: { type: "synthesize" } }];
    expect(
      await api.refusal("POST", path, {
        key,
        body: { model, training_file: seeds, method: { type: "pipeline", pipeline: { stages } } },
      }),
    ).toMatchObject({
      param: "method.pipeline.stages[0].method.type",
      message: expect.stringContaining("makes no model"),
    });
  });
});
