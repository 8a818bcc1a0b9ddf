import { beforeAll, describe, expect, it } from "vitest";
import { tenantObject } from "../../../edge/objects/remote.ts";
import { asksForPeft, continueAdapter } from "../../../edge/routes/continue-adapter.ts";
import { defaultMethod, settingsOf } from "../../../shared/api/methods.ts";
import type { Lease } from "../../../shared/api/trainer.ts";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { adapterFiles } from "../../../shared/peft/adapter-folder.ts";
import { ChosenSettings } from "../../../shared/peft/presets.ts";
import { f32 } from "../../../shared/tensor.ts";
import { adapterForm } from "../support/adapter-form.ts";
import { Api } from "../support/api.ts";
import { FakeTrainer } from "../support/fake-trainer.ts";
import { TINY_CONFIG } from "../support/tiny-base.ts";

const api = new Api();
const JOBS = "/v1/fine_tuning/jobs";
const { hiddenSize: width } = parseModelConfig(TINY_CONFIG);
const LAYER = "layers.0.self_attn.q_proj";
let key: string;
let training_file: string;
let tuned: string;

async function uploaded(json: object): Promise<string> {
  const prefix = `base_model.model.model.${LAYER}.lora`;
  const tensors = new Map([
    [`${prefix}_A.weight`, f32([2, width], new Float32Array(2 * width).fill(0.5))],
    [`${prefix}_B.weight`, f32([width, 2], new Float32Array(2 * width).fill(0.25))],
  ]);
  const config = { peft_type: "LORA", r: 2, lora_alpha: 4, target_modules: [LAYER], bias: "none", ...json };
  const files = adapterFiles({ base_model_name_or_path: "elsewhere", ...config }, tensors);
  const reply = await api.call<{ models: string[] }>("POST", "/v1/deltas", {
    key,
    body: adapterForm(files, { model: "going-base" }),
  });
  return reply.models[0]!;
}

beforeAll(async () => {
  await api.base("going-base");
  key = await api.tenant("goer");
  training_file = await api.dataset(key);
  tuned = await uploaded({ lora_dropout: 0.25 });
});

const body = (fields: object = {}) => ({ model: tuned, training_file, continue_with: "adapter", ...fields });
const supervised = (settings: object) => ({ method: { type: "supervised", supervised: settings } });
const refused = (fields: object) => api.refusal("POST", JOBS, { key, body: body(fields) });

describe("a job that trains a model's adapter further", () => {
  it.each([
    [{}],
    [supervised({ hyperparameters: { n_epochs: 1 } })],
    [supervised({ peft: { type: "lora", r: 2, lora_alpha: 4, lora_dropout: 0.25, target_modules: ["q_proj"] } })],
  ])("takes the adapter's settings, or equal ones, and gives the trainer all of its files: %j", async (fields) => {
    // The adapter has one layer of one block.
    const asked = JSON.parse(JSON.stringify(fields).replace('["q_proj"]', JSON.stringify([LAYER])));
    const job = await api.call<{ id: string }>("POST", JOBS, { key, body: body(asked) });
    const trainer = new FakeTrainer(api);
    const lease = (await trainer.lease())! as Lease & { parent: NonNullable<Lease["parent"]> };
    expect(lease.job).toBe(job.id);
    expect(settingsOf(lease.method).peft).toMatchObject({ type: "lora", r: 2, lora_alpha: 4, lora_dropout: 0.25 });
    expect(lease.parent).toMatchObject({ model: tuned, kind: "delta", continue_with: "adapter" });
    const names = lease.parent.files.map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining(["adapter_config.json", "adapter_model.safetensors", "manifest.json"]),
    );
    for (const { path, bytes } of lease.parent.files) {
      expect((await (await trainer.read(lease, path)).bytes()).byteLength).toBe(bytes);
    }
    await api.call("POST", `${JOBS}/${job.id}/cancel`, { key });
  });

  it("is refused with other settings, by name, before it is created", async () => {
    const lora = { type: "lora", r: 2, lora_alpha: 4, target_modules: [LAYER] };
    const peft = "method.supervised.peft";
    expect(await refused(supervised({ peft: { ...lora, r: 3 } }))).toMatchObject({
      status: 400,
      param: `${peft}.r`,
      message: expect.stringContaining("it is 3, but 2 in the adapter of `model`. Leave `peft` out"),
    });
    expect(await refused(supervised({ peft: { ...lora, target_modules: ["v_proj"] } }))).toMatchObject({
      param: `${peft}.target_modules`,
    });
    expect(await refused(supervised({ peft: { type: "dora" } }))).toMatchObject({
      param: peft,
      message: expect.stringContaining("was trained with lora"),
    });
    expect(await refused(supervised({ peft: { type: "full" } }))).toMatchObject({ param: peft });
    const dry = await api.refusal("POST", `${JOBS}?validate=true`, {
      key,
      body: body(supervised({ peft: { ...lora, r: 3 } })),
    });
    expect(dry).toMatchObject({ param: `${peft}.r` });
  });

  it("is refused on a base, and where no setting trains what the adapter has", async () => {
    expect(await refused({ model: "going-base" })).toMatchObject({
      param: "continue_with",
      message: "`model` is a base and has no adapter to train further. Leave `continue_with` out.",
    });
    const remainder = await uploaded({ init_lora_weights: "olora" });
    expect(await refused({ model: remainder })).toMatchObject({
      status: 400,
      param: "model",
      message: expect.stringContaining("cannot be trained further: adapter_config.json: init_lora_weights olora"),
    });
  });
});

describe("continueAdapter", () => {
  const continued = async (madeWith: object | null) => {
    const { parent, base } = await tenantObject(api.env, "goer").models.start(tuned);
    const made = madeWith === null ? null : ChosenSettings.parse(madeWith);
    const options = { parent, method: defaultMethod(), asksPeft: false, madeWith: made, config: base.config };
    return settingsOf((await continueAdapter(api.env.BLOBS, options)).method).peft;
  };

  it("prefers the settings of the job that made the adapter, if they fit it", async () => {
    const made = { type: "lora", r: 2, lora_alpha: 4, target_modules: [LAYER], loraplus_lr_ratio: 16 };
    expect(await continued(made)).toMatchObject({ loraplus_lr_ratio: 16, lora_dropout: 0 });
    const stated = { type: "lora", r: 2, lora_dropout: 0.25 };
    for (const other of [{ ...made, r: 1 }, { type: "ia3" }, null]) {
      expect(await continued(other)).toMatchObject(stated);
    }
  });
});

it("a request asks for methods where it has the field itself", () => {
  const { method } = { method: defaultMethod() };
  expect(asksForPeft({}, {})).toBe(false);
  expect(asksForPeft({ method: { type: "supervised", supervised: {} } }, { method })).toBe(false);
  expect(asksForPeft({ method: { type: "supervised", supervised: { peft: {} } } }, { method })).toBe(true);
});
