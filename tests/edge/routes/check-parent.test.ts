import { beforeAll, describe, expect, it } from "vitest";
import type { Lease } from "../../../shared/api/trainer.ts";
import { encodeScorer } from "../../../shared/delta/scorer-file.ts";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { adapterFiles } from "../../../shared/peft/adapter-folder.ts";
import { f32 } from "../../../shared/tensor.ts";
import { randomScorer } from "../../shared/delta/random-scorer.ts";
import { adapterForm } from "../support/adapter-form.ts";
import { Api } from "../support/api.ts";
import { FakeTrainer } from "../support/fake-trainer.ts";
import { TINY_CONFIG } from "../support/tiny-base.ts";

const api = new Api();
const trainer = new FakeTrainer(api);
const JOBS = "/v1/fine_tuning/jobs";
const config = parseModelConfig(TINY_CONFIG);
const width = config.hiddenSize;
const LAYER = "layers.0.self_attn.q_proj";
let key: string;
let file: string;
/** The name and the id of a delta of rank 2. */
let tuned: string;
let delta: string;

async function uploaded(json: object, tensors: ReadonlyMap<string, ReturnType<typeof f32>>) {
  const files = adapterFiles({ base_model_name_or_path: "elsewhere", ...json }, tensors);
  const reply = await api.call<{ id: string; models: string[] }>("POST", "/v1/deltas", {
    key,
    body: adapterForm(files, { model: "parent-base" }),
  });
  return { id: reply.id, model: reply.models[0]! };
}

beforeAll(async () => {
  await api.base("parent-base");
  key = await api.tenant("heir");
  file = await api.dataset(key);
  const prefix = `base_model.model.model.${LAYER}.lora`;
  const made = await uploaded(
    { peft_type: "LORA", r: 2, lora_alpha: 4, target_modules: [LAYER], bias: "none" },
    new Map([
      [`${prefix}_A.weight`, f32([2, width], new Float32Array(2 * width).fill(0.5))],
      [`${prefix}_B.weight`, f32([width, 2], new Float32Array(2 * width).fill(0.25))],
    ]),
  );
  tuned = made.model;
  delta = made.id;
});

const create = (fields: Record<string, unknown> = {}) =>
  api.call<{ id: string; model: string }>("POST", JOBS, {
    key,
    body: { model: tuned, training_file: file, ...fields },
  });
const refused = (fields: Record<string, unknown>) =>
  api.refusal("POST", JOBS, { key, body: { model: tuned, training_file: file, ...fields } });
const supervised = (peft: object) => ({ method: { type: "supervised", supervised: { peft } } });

describe("a job on one's own model", () => {
  it("gives the trainer the base and what its delta needs, and answers under a name of the base", async () => {
    const job = await create({ suffix: "on" });
    expect(job.model).toBe(tuned);
    const lease = (await trainer.lease())! as Lease & { parent: NonNullable<Lease["parent"]> };
    expect(lease).toMatchObject({ job: job.id, model: "parent-base", base: { id: "parent-base" } });
    expect(lease.parent).toMatchObject({ model: tuned, kind: "delta" });
    expect(lease.parent.files.map(({ name }) => name).sort()).toEqual(["manifest.json", "serving.safetensors"]);
    for (const { path, bytes } of lease.parent.files) {
      expect((await (await trainer.read(lease, path)).bytes()).byteLength).toBe(bytes);
    }
    const other = await trainer.read(lease, `/v1/trainer/jobs/${lease.job}/parent/adapter_model.safetensors`);
    expect(other.status).toBe(404);
    for (const path of [`/v1/models/${tuned}`, `/v1/deltas/${delta}`]) {
      expect(await api.refusal("DELETE", path, { key })).toMatchObject({
        code: "conflict",
        message: `The job ${job.id} continues from this model. Cancel the job or wait for its end.`,
      });
    }
    const { model } = await trainer.complete(lease, await trainer.artefacts(lease, "child"));
    expect(model).toMatch(/^ft:parent-base:heir:on:/);
    const shown = await api.call("GET", `/v1/models/${model}`, { key });
    expect(shown).toMatchObject({ root: "parent-base", parent: tuned, context_length: 128 });
  });

  it("starts from the base where it names one", async () => {
    await create({ model: "parent-base" });
    const lease = (await trainer.lease())!;
    expect(lease.parent).toBeNull();
    const path = `/v1/trainer/jobs/${lease.job}/parent/manifest.json`;
    expect((await trainer.read(lease, path)).status).toBe(404);
    await trainer.complete(lease, await trainer.artefacts(lease, "bare"));
  });

  it("is nobody else's to continue from", async () => {
    const stranger = await api.tenant("stranger");
    const training_file = await api.dataset(stranger);
    const body = { model: tuned, training_file };
    expect(await api.refusal("POST", JOBS, { key: stranger, body })).toMatchObject({ code: "model_not_found" });
  });

  it("may be asked for by the way in which it continues", async () => {
    const job = await create({ continue_with: "merged_weights" });
    await api.call("POST", `${JOBS}/${job.id}/cancel`, { key });
    expect(await refused({ continue_with: "both" })).toMatchObject({ param: "continue_with" });
  });

  it("is refused with methods that cannot continue", async () => {
    expect(await refused(supervised({ type: "qlora" }))).toMatchObject({
      param: "method.supervised.peft",
      message: expect.stringContaining("qlora trains on the base in 4 bits and cannot continue from a tuned model"),
    });
  });

  it("is refused where its delta is nothing that weights can hold", async () => {
    const tokens = await uploaded(
      {
        peft_type: "PROMPT_TUNING",
        num_virtual_tokens: 2,
        token_dim: width,
        num_layers: config.layers,
        task_type: "CAUSAL_LM",
      },
      new Map([["prompt_embeddings", f32([2, width], new Float32Array(2 * width).fill(0.1))]]),
    );
    for (const fields of [{}, { method: { type: "steering_vector" } }]) {
      expect(await refused({ model: tokens.model, ...fields })).toMatchObject({
        param: "model",
        message: expect.stringContaining("`model` cannot be continued from: the delta has virtual tokens"),
      });
    }
  });

  it("is refused where its delta has a scorer, which judges that delta alone", async () => {
    const files = new Map([["scorer.safetensors", encodeScorer(randomScorer(config))]]);
    const body = adapterForm(files, { model: "parent-base" });
    const { models } = await api.call<{ models: string[] }>("POST", "/v1/deltas", { key, body });
    expect(await refused({ model: models[0] })).toMatchObject({
      param: "model",
      message: expect.stringContaining("`model` cannot be continued from: the delta has a scorer"),
    });
  });

  it("makes a classifier of a delta, and not of a model with its own weights", async () => {
    const lines = ["good", "bad"].map((label) => ({ text: label, label }));
    const texts = await api.dataset(key, lines);
    const classifier = { training_file: texts, method: { type: "classifier" } };
    const job = await create(classifier);
    await api.call("POST", `${JOBS}/${job.id}/cancel`, { key });
    const body = { model: "parent-base", deltas: [{ id: delta }], output: "model" };
    const { id } = await api.call<{ id: string }>("POST", "/v1/deltas/merge", { key, body });
    expect(await refused({ model: id, ...classifier })).toMatchObject({
      code: "invalid_request",
      param: "model",
      message: expect.stringContaining("a classifier is a delta of a base"),
    });
  });
});
