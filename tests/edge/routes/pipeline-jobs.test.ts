/** Pipelines over the whole Worker, with a trainer that only says what a real one would. */
import { beforeAll, describe, expect, it } from "vitest";
import type { Job, JobEvent } from "../../../shared/api/jobs.ts";
import { adapterFiles } from "../../../shared/peft/adapter-folder.ts";
import { f32 } from "../../../shared/tensor.ts";
import { adapterForm } from "../support/adapter-form.ts";
import { ADMIN_TOKEN, Api } from "../support/api.ts";
import { FakeTrainer } from "../support/fake-trainer.ts";
import { TINY_CONFIG } from "../support/tiny-base.ts";

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

describe("a pipeline's course", () => {
  const oneStage = { stages: [SFT_DPO.stages[0]] };

  it("is paused, resumed and cancelled with the job of its stage", async () => {
    const { id } = await create(sftDpo());
    const lease = (await trainer.lease())!;
    const child = lease.job;
    expect(await api.call("POST", `${path}/${id}/pause`, { key })).toMatchObject({ status: "paused" });
    expect(await get(child)).toMatchObject({ status: "paused" });
    expect(await trainer.heartbeat(lease)).toMatchObject({ pause: true });
    expect(await trainer.lease()).toBeUndefined();
    expect(await api.call("POST", `${path}/${id}/pause`, { key })).toMatchObject({ status: "paused" });
    expect(await api.call("POST", `${path}/${id}/resume`, { key })).toMatchObject({ status: "running" });
    const again = (await trainer.lease())!;
    expect(again.job).toBe(child);
    for (const change of ["pause", "resume", "cancel"]) {
      expect(await api.refusal("POST", `${path}/${child}/${change}`, { key })).toMatchObject({
        status: 409,
        message: expect.stringContaining(`is the stage sft of the pipeline ${id}`),
      });
    }
    expect(await api.call("POST", `${path}/${id}/cancel`, { key })).toMatchObject({
      status: "cancelled",
      fine_tuned_model: null,
      stages: [{ status: "cancelled" }, { status: "skipped", job: null }],
    });
    expect(await trainer.heartbeat(again)).toMatchObject({ cancel: true });
    expect(await api.call("POST", `${path}/${id}/cancel`, { key })).toMatchObject({ status: "cancelled" });
    expect(await api.refusal("POST", `${path}/${id}/resume`, { key })).toMatchObject({ status: 409 });
    expect(await trainer.lease()).toBeUndefined();
  });

  it("goes on after a stage that ended while it was paused", async () => {
    const { id } = await create(sftDpo());
    const lease = (await trainer.lease())!;
    await api.call("POST", `${path}/${id}/pause`, { key });
    await trainer.complete(lease, await trainer.artefacts(lease, "paused"));
    const paused = await until(id, (job) => stage(job, 0).metrics !== null);
    expect(paused).toMatchObject({ status: "paused", stages: [{ status: "succeeded" }, { status: "waiting" }] });
    await api.call("POST", `${path}/${id}/resume`, { key });
    await waitsFor(id, 1);
    expect((await trainer.work("resumed")).lease.method.type).toBe("dpo");
    expect(await ended(id)).toMatchObject({ status: "succeeded" });
  });

  it("resumes a stage at its checkpoint, after the trainer has died", async () => {
    const { id } = await create(oneStage);
    const lease = (await trainer.lease())!;
    await trainer.checkpoint(lease, 3, new Uint8Array([1, 2]));
    await api.call("POST", `/v1/trainer/jobs/${lease.job}/release`, trainer.held(lease, { reason: "shutdown" }));
    const again = (await trainer.lease())!;
    expect(again).toMatchObject({ job: lease.job, checkpoint: { step: 3 } });
    await trainer.complete(again, await trainer.artefacts(again, "died"));
    expect(await ended(id)).toMatchObject({ status: "succeeded" });
    const { data } = await api.call<{ data: Job[] }>("GET", `${path}?limit=100`, { key });
    expect(data.filter(({ pipeline: place }) => place?.job === id)).toHaveLength(1);
  });

  it("ends with the error of a stage that fails", async () => {
    const { id } = await create(sftDpo());
    const lease = (await trainer.lease())!;
    const error = { code: "non_finite", message: "The loss is no number.", param: null };
    await api.call("POST", `/v1/trainer/jobs/${lease.job}/fail`, trainer.held(lease, { error }));
    expect(await ended(id)).toMatchObject({
      status: "failed",
      error: {
        code: "non_finite",
        message: "The stage sft failed: The loss is no number.",
        param: "method.pipeline.stages[0]",
      },
      stages: [{ status: "failed" }, { status: "skipped" }],
    });
  });

  it("is decided by gates", async () => {
    const gated = (otherwise: string, at_most: number, metric = "train_loss") => ({
      stages: [
        { ...SFT_DPO.stages[0], name: "first" },
        { ...SFT_DPO.stages[0], name: "second", model: { stage: "first" }, gate: { metric, at_most, otherwise } },
        { ...SFT_DPO.stages[0], name: "third" },
      ],
    });
    const played = async (settings: Record<string, unknown>) => {
      const { id } = await create(settings);
      const { model: reached } = await trainer.work(`${id} first`);
      await waitsFor(id, 1);
      await trainer.work(`${id} second`);
      return { id, reached };
    };
    const stopped = await played(gated("stop", 0.1));
    expect(await ended(stopped.id)).toMatchObject({
      status: "succeeded",
      fine_tuned_model: stopped.reached,
      stopped: { stage: "second", reason: expect.stringContaining("train_loss is 0.5, asked for is at most 0.1") },
      stages: [{}, { gate: { metric: "train_loss", value: 0.5, passed: false } }, { status: "skipped" }],
    });
    const failed = await played(gated("fail", 0.1));
    expect(await ended(failed.id)).toMatchObject({
      status: "failed",
      fine_tuned_model: null,
      error: { code: "gate_not_passed", param: "method.pipeline.stages[1].gate" },
    });
    const unknown = await played(gated("continue", 1, "accuracy"));
    expect(await ended(unknown.id)).toMatchObject({
      status: "failed",
      error: { message: expect.stringContaining('did not report "accuracy"; it reported train_loss.') },
    });
    const passed = await played(gated("fail", 1));
    expect(await waitsFor(passed.id, 2)).toMatchObject({ stages: [{}, { gate: { passed: true } }, {}] });
    await trainer.work(`${passed.id} third`);
    expect(await ended(passed.id)).toMatchObject({ status: "succeeded" });
  });

  it("is the same job again for the same Idempotency-Key", async () => {
    const headers = { "idempotency-key": "pipe-once" };
    const options = { key, body: body(oneStage), headers };
    const [first, second] = [await api.call<Job>("POST", path, options), await api.call<Job>("POST", path, options)];
    expect(second).toEqual(first);
    await api.call("POST", `${path}/${first.id}/cancel`, { key });
    expect(await trainer.lease()).toBeUndefined();
  });
});

/** The name of an uploaded delta of rank 2. */
async function tuned(): Promise<string> {
  const prefix = "base_model.model.model.layers.0.self_attn.q_proj.lora";
  const width = TINY_CONFIG.hidden_size;
  const adapter = adapterFiles(
    {
      base_model_name_or_path: model,
      peft_type: "LORA",
      r: 2,
      lora_alpha: 4,
      target_modules: ["layers.0.self_attn.q_proj"],
      bias: "none",
    },
    new Map([
      [`${prefix}_A.weight`, f32([2, width], new Float32Array(2 * width).fill(0.5))],
      [`${prefix}_B.weight`, f32([width, 2], new Float32Array(2 * width).fill(0.25))],
    ]),
  );
  const uploaded = await api.call<{ models: string[] }>("POST", "/v1/deltas", {
    key,
    body: adapterForm(adapter, { model }),
  });
  return uploaded.models[0]!;
}

describe("what a pipeline needs", () => {
  it("stays until its end: files of its stages, the base, and the model that it starts from", async () => {
    const own = await api.dataset(key);
    const start = await tuned();
    const stages = [SFT_DPO.stages[0], { ...SFT_DPO.stages[0], name: "later", training_file: own }];
    const { id } = await create({ stages }, { model: start });
    const lease = (await trainer.lease())!;
    expect(lease.parent).toMatchObject({ model: start });
    const refused = (target: string) => api.refusal("DELETE", target, { key });
    // No job of a stage needs this file yet.
    expect(await refused(`/v1/files/${own}`)).toMatchObject({
      code: "conflict",
      message: expect.stringContaining(`The pipeline ${id} still needs this file`),
    });
    await trainer.complete(lease, await trainer.artefacts(lease, "kept"));
    await waitsFor(id, 1);
    for (const target of [`/v1/files/${own}`, `/v1/models/${start}`]) {
      expect(await refused(target)).toMatchObject({ code: "conflict" });
    }
    const admin = await api.refusal("DELETE", `/v1/admin/models/${model}`, { key: ADMIN_TOKEN });
    expect(admin).toMatchObject({ code: "conflict", message: expect.stringContaining(id) });
    expect(admin.message).not.toContain("paused");
    await api.call("POST", `${path}/${id}/cancel`, { key });
    await api.call("DELETE", `/v1/files/${own}`, { key });
    await api.call("DELETE", `/v1/models/${start}`, { key });
    expect(await trainer.lease()).toBeUndefined();
  });
});

describe("a pipeline is checked when it is created", () => {
  const refused = (settings: Record<string, unknown>, fields: object = {}) =>
    api.refusal("POST", path, { key, body: { ...body(settings), ...fields } });
  const at = (index: number, field: string) => `method.pipeline.stages[${index}].${field}`;
  const lora = (r: number) => ({ type: "supervised", supervised: { peft: { type: "lora", r } } });
  const full = { type: "supervised", supervised: { peft: { type: "full" } } };
  const named = (name: string, fields: object = {}) => ({ ...SFT_DPO.stages[0], name, ...fields });

  it.each([
    ["a name twice", { stages: [named("a"), named("a")] }, at(1, "name")],
    ["a stage that there is not", { stages: [named("a", { model: { stage: "b" } })] }, at(0, "model.stage")],
    [
      "a method of one type with fields of another",
      { stages: [named("a", { method: { type: "dpo", supervised: {} } })] },
      at(0, "method.supervised"),
    ],
    [
      "a setting that is out of range",
      { stages: [named("a", { method: lora(0) })] },
      at(0, "method.supervised.peft.r"),
    ],
    [
      "a rank that cannot be served",
      { stages: [named("a", { method: lora(4096) })] },
      at(0, "method.supervised.peft.r"),
    ],
    [
      "a length beyond the context",
      {
        stages: [
          named("a", { method: { type: "supervised", supervised: { hyperparameters: { max_length: 100_000 } } } }),
        ],
      },
      at(0, "method.supervised.hyperparameters.max_length"),
    ],
    [
      "a file that there is not",
      { stages: [named("a"), named("b", { training_file: "file-x" })] },
      at(1, "training_file"),
    ],
    ["a file of another kind", { stages: [named("a"), { ...SFT_DPO.stages[1], model: "base" }] }, "training_file"],
    [
      "a 4-bit method on a stage",
      {
        stages: [
          named("a"),
          named("b", {
            model: { stage: "a" },
            method: { type: "supervised", supervised: { peft: { type: "qlora" } } },
          }),
        ],
      },
      at(1, "method.supervised.peft"),
    ],
    [
      "a classifier to continue from",
      { stages: [named("a", { method: { type: "classifier" } }), named("b", { model: { stage: "a" } })] },
      at(1, "model"),
    ],
    [
      "a prefix to continue from",
      {
        stages: [
          named("a", { method: { type: "supervised", supervised: { peft: { type: "prefix" } } } }),
          named("b", { model: { stage: "a" } }),
        ],
      },
      at(1, "model"),
    ],
    [
      "a classifier on weights of its own",
      { stages: [named("a", { method: full }), named("b", { model: { stage: "a" }, method: { type: "classifier" } })] },
      at(1, "model"),
    ],
    ["a seed that is none", { stages: [named("a", { seed: -1 })] }, at(0, "seed")],
    ["an adapter of the base", { stages: [named("a", { continue_with: "adapter" })] }, at(0, "continue_with")],
    [
      "an adapter of weights",
      { stages: [named("a", { method: full }), named("b", { model: { stage: "a" }, continue_with: "adapter" })] },
      at(1, "continue_with"),
    ],
    [
      "another adapter",
      { stages: [named("a"), named("b", { model: { stage: "a" }, continue_with: "adapter", method: lora(4) })] },
      at(1, "method.supervised.peft"),
    ],
  ])("%s", async (_, settings, param) => {
    expect(await refused(settings)).toMatchObject({ param });
    expect(await trainer.lease()).toBeUndefined();
  });

  it("in what belongs to one method alone", async () => {
    const settings = { stages: [named("a")] };
    expect(await refused(settings, { hyperparameters: { n_epochs: 2 } })).toMatchObject({
      param: "hyperparameters.n_epochs",
    });
    expect(await refused(settings, { continue_with: "adapter" })).toMatchObject({ param: "continue_with" });
    expect(await refused({ stages: [named("a", { training_file: chats })] }, { validation_file: chats })).toMatchObject(
      { param: "training_file", message: expect.stringContaining("is used by no stage") },
    );
  });

  it("the sum of what its stages and the model that it starts from need of the server", async () => {
    const method = lora(8);
    const stages = Array.from({ length: 16 }, (_, index) =>
      named(`s${index}`, { method, ...(index === 0 ? {} : { model: { stage: `s${index - 1}` } }) }),
    );
    // Sixteen times a rank of 8 is the most that is served.
    const { id } = await create({ stages });
    await api.call("POST", `${path}/${id}/cancel`, { key });
    expect(await refused({ stages }, { model: await tuned() })).toMatchObject({
      param: at(15, "method.supervised.peft"),
      message: expect.stringContaining("together with the delta of"),
    });
    expect(await trainer.lease()).toBeUndefined();
  });

  it("trains an earlier stage's adapter further with its methods", async () => {
    const further = named("b", { model: { stage: "a" }, continue_with: "adapter" });
    const { id, method } = await create({ stages: [named("a", { method: lora(4) }), further] });
    expect(method).toMatchObject({ pipeline: { stages: [{}, { method: { supervised: { peft: { r: 4 } } } }] } });
    await trainer.work("adapter");
    await waitsFor(id, 1);
    const lease = (await trainer.lease())!;
    expect(lease).toMatchObject({
      parent: { continue_with: "adapter" },
      method: { supervised: { peft: { type: "lora", r: 4 } } },
    });
    await api.call("POST", `${path}/${id}/cancel`, { key });
  });

  it("dry, with what each stage would train on", async () => {
    const shown = await api.call<{ stages: unknown[] }>("POST", `${path}?validate=true&examples=1`, {
      key,
      body: body(sftDpo()),
    });
    expect(shown).toMatchObject({
      object: "fine_tuning.job.validation",
      valid: true,
      training_file: { file: chats, lines: 2 },
      stages: [
        { name: "sft", valid: true, training_file: { file: chats } },
        { name: "dpo", valid: true, training_file: { file: pairs } },
      ],
    });
    const wrong = { stages: [named("a"), { ...SFT_DPO.stages[1], model: "base", training_file: chats }] };
    expect(await api.refusal("POST", `${path}?validate=true`, { key, body: body(wrong) })).toMatchObject({
      param: at(1, "training_file"),
    });
    expect(await trainer.lease()).toBeUndefined();
  });

  it("as a preset, whose job can be sent again as it is shown", async () => {
    const preset = { preset: "sft_dpo", stages: [{ name: "dpo", training_file: pairs }] };
    const made = await create(preset);
    const { method, training_file, hyperparameters } = made;
    const again = await api.call<Job>("POST", path, { key, body: { model, training_file, method, hyperparameters } });
    expect(again.method).toEqual(made.method);
    for (const { id } of [made, again]) await api.call("POST", `${path}/${id}/cancel`, { key });
  });

  it("with stages that name others' results, and constitutions that are copied", async () => {
    const preset = {
      preset: "sft_rm_ppo",
      stages: [
        { name: "rm", training_file: pairs },
        { name: "ppo", training_file: await api.dataset(key, [{ messages: [{ role: "user", content: "hi" }] }]) },
      ],
    };
    const { id, stages } = await create(preset);
    expect(stages!.map(({ type }) => type)).toEqual(["supervised", "reward_model", "ppo"]);
    await api.call("POST", `${path}/${id}/cancel`, { key });
    const backwards = {
      stages: [{ name: "a", method: { type: "ppo", ppo: { reward: { type: "reward_model", model: "stage:b" } } } }],
    };
    expect(await refused(backwards)).toMatchObject({ param: at(0, "method.ppo.reward.model") });
    const outside = {
      stages: [{ name: "a", method: { type: "ppo", ppo: { reward: { type: "reward_model", model: "ft:no" } } } }],
    };
    expect(await refused(outside)).toMatchObject({ code: "model_not_found", param: at(0, "method.ppo.reward.model") });
    const principles = [{ principle: "Be kind." }];
    await api.call("POST", "/v1/constitutions", { key, body: { name: "kind", principles } });
    const revise = { name: "revise", method: { type: "constitutional", constitutional: { constitution: "kind" } } };
    const prompts = await api.dataset(key, [{ messages: [{ role: "user", content: "hi" }] }]);
    const constitutional = { preset: "constitutional", stages: [revise] };
    const { method, ...kind } = await create(constitutional, { training_file: prompts });
    expect(method).toMatchObject({
      pipeline: { stages: [{ method: { constitutional: { constitution: { principles } } } }, {}] },
    });
    await api.call("POST", `${path}/${kind.id}/cancel`, { key });
    const unknown = {
      stages: [named("a", { method: { type: "constitutional", constitutional: { constitution: "none" } } })],
    };
    expect(await refused(unknown)).toMatchObject({ param: at(0, "method.constitutional.constitution") });
    expect(await trainer.lease()).toBeUndefined();
  });
});
