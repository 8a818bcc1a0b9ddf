import { beforeAll, describe, expect, it } from "vitest";
import { mergeDeltas } from "../../../shared/delta/merge/merge.ts";
import { decodeCanonical, SERVING_FILE } from "../../../shared/delta/serving-file.ts";
import { readTar } from "../../../shared/formats/tar-reader.ts";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { checkpointPath } from "../../../shared/model/modules.ts";
import { adapterFiles } from "../../../shared/peft/adapter-folder.ts";
import { createRandom } from "../../../shared/random.ts";
import { f32, type Tensor } from "../../../shared/tensor.ts";
import { adapterForm } from "../support/adapter-form.ts";
import { Api } from "../support/api.ts";
import { TINY_CONFIG } from "../support/tiny-base.ts";

const config = parseModelConfig(TINY_CONFIG);
const Q = "layers.0.self_attn.q_proj";
const V = "layers.1.self_attn.v_proj";
const width = config.hiddenSize;
const SIZES = { [Q]: width, [V]: config.kvHeads * config.headDim };

function random(shape: readonly number[], ...stream: string[]): Tensor<"f32"> {
  const { normal } = createRandom(3, ...stream);
  return f32(shape, Array.from({ length: shape.reduce((all, size) => all * size, 1) }, normal));
}

/** A LoRA on one layer, as peft saves it. */
function loraFolder(name: string, path: keyof typeof SIZES = Q, rank = 2): Map<string, Uint8Array> {
  const key = `base_model.model.${checkpointPath(path)}`;
  return adapterFiles(
    { peft_type: "LORA", r: rank, lora_alpha: rank, target_modules: [path], task_type: "CAUSAL_LM" },
    new Map([
      [`${key}.lora_A.weight`, random([rank, width], name, "a")],
      [`${key}.lora_B.weight`, random([SIZES[path]!, rank], name, "b")],
    ]),
  );
}

/** (IA)³ on one layer's output, as peft saves it. */
function scalesFolder(): Map<string, Uint8Array> {
  const scale = random([SIZES[V], 1], "scales");
  return adapterFiles(
    { peft_type: "IA3", target_modules: [V], feedforward_modules: [], task_type: "CAUSAL_LM" },
    new Map([[`base_model.model.${checkpointPath(V)}.ia3_l`, scale]]),
  );
}

interface DeltaReply {
  readonly id: string;
  readonly digest: string;
  readonly models: string[];
}
const api = new Api();
let key: string;
const made: Record<string, DeltaReply> = {};

beforeAll(async () => {
  await api.base("merge-base");
  key = await api.tenant("merge-owner");
  for (const [name, path] of [
    ["one", Q],
    ["two", Q],
    ["other-layer", V],
  ] as const) {
    const body = adapterForm(loraFolder(name, path), { model: "merge-base" });
    made[name] = await api.call("POST", "/v1/deltas", { key, body });
  }
});

const named = (name: string) => made[name]!;
const bodyOf = (fields: object, names: Readonly<Record<string, number>> = { one: 1, two: -0.5 }) => ({
  model: "merge-base",
  deltas: Object.entries(names).map(([name, weight]) => ({ id: named(name).id, weight })),
  ...fields,
});
const merge = (fields: object, names?: Readonly<Record<string, number>>) =>
  api.call<DeltaReply & Record<string, unknown>>("POST", "/v1/deltas/merge", { key, body: bodyOf(fields, names) });
const refuse = (body: object) => api.refusal("POST", "/v1/deltas/merge", { key, body });

/** The serving form of a delta. */
async function served({ digest }: DeltaReply) {
  const object = await api.env.BLOBS.get(`tenants/merge-owner/deltas/${digest}/${SERVING_FILE}`);
  return decodeCanonical(new Uint8Array(await object!.arrayBuffer()), config);
}

/** The log-probabilities of the likeliest next tokens. */
async function answer(model: string, deltas: readonly object[] = []) {
  const body = { model, prompt: "ahoy there", max_tokens: 3, temperature: 0, logprobs: 5, deltas };
  const { choices } = await api.call<{ choices: { text: string; logprobs: { top_logprobs: object[] } }[] }>(
    "POST",
    "/v1/completions",
    { key, body },
  );
  return choices[0]!;
}

function expectSameAnswer(one: Awaited<ReturnType<typeof answer>>, other: Awaited<ReturnType<typeof answer>>) {
  expect(one.text).toBe(other.text);
  const numbers = ({ logprobs }: typeof one) => logprobs.top_logprobs.flatMap((top) => Object.values(top) as number[]);
  const expected = numbers(other);
  for (const [at, value] of numbers(one).entries()) expect(value).toBeCloseTo(expected[at]!, 3);
}

describe("POST /v1/deltas/merge", () => {
  it.each([
    ["linear", {}],
    ["cat", {}],
    ["svd", { rank: 1 }],
    ["ties", { density: 0.5, majority_sign_method: "frequency" }],
    ["dare", { density: 0.5, seed: 3, rank: 4 }],
    ["dare_ties", { density: 0.5 }],
    ["magnitude_prune", { density: 0.25 }],
  ] as const)("%s: a delta as the method computes it, that says what it was made of", async (method, options) => {
    const delta = await merge({ method, ...options });
    expect(delta).toMatchObject({
      object: "delta",
      model: "merge-base",
      methods: ["lora"],
      parents: [named("one").digest, named("two").digest],
      fine_tuning_job_id: null,
    });
    const terms = await Promise.all(
      [
        { name: "one", weight: 1 },
        { name: "two", weight: -0.5 },
      ].map(async ({ name, weight }) => ({ delta: await served(named(name)), weight })),
    );
    const { majority_sign_method: sign, ...others } = options as { majority_sign_method?: "frequency" };
    const expected = mergeDeltas(terms, {
      method,
      ...others,
      ...(sign === undefined ? {} : { majoritySignMethod: sign }),
    });
    expect(await served(delta)).toEqual(expected);
    const manifest = await contentOf(delta.id, "manifest.json");
    expect(JSON.parse(new TextDecoder().decode(manifest))).toMatchObject({
      merge: { method, weights: [1, -0.5], ...options },
    });
  });

  it("answers as the deltas do with their weights, under a name of its own", async () => {
    const deltas = [
      { id: named("one").id, weight: 0.5 },
      { id: named("other-layer").id, weight: -1 },
    ];
    const { models } = await merge({ suffix: "both" }, { one: 0.5, "other-layer": -1 });
    expect(models[0]).toMatch(/^ft:merge-base:merge-owner:both:[0-9a-f]{12}$/);
    const together = await answer("merge-base", deltas);
    expectSameAnswer(await answer(models[0]!), together);
    const base = await answer("merge-base");
    expect(base.logprobs).not.toEqual(together.logprobs);
  });

  it("puts together what different methods made, in a folder for each", async () => {
    const body = adapterForm(scalesFolder(), { model: "merge-base" });
    const scales = await api.call<DeltaReply>("POST", "/v1/deltas", { key, body });
    const deltas = [
      { id: named("one").id, weight: 0.5 },
      { id: scales.id, weight: -0.5 },
    ];
    const delta = await api.call<DeltaReply>("POST", "/v1/deltas/merge", { key, body: bodyOf({ deltas }) });
    expect(delta).toMatchObject({ methods: ["lora", "ia3"] });
    const together = await answer("merge-base", deltas);
    expectSameAnswer(await answer(delta.models[0]!), together);
    expect(together.logprobs).not.toEqual((await answer("merge-base", deltas.slice(0, 1))).logprobs);
    const { id } = await api.call<DeltaReply>("POST", "/v1/deltas/merge", {
      key,
      body: bodyOf({ deltas, output: "model" }),
    });
    expectSameAnswer(await answer(id), together);
    const content = await api.send("GET", `/v1/deltas/${delta.id}/content`, { key });
    const files = readTar(new Uint8Array(await content.arrayBuffer()));
    expect([...files.keys()].filter((name) => name.endsWith("config.json")).sort()).toEqual([
      "0-lora/adapter_config.json",
      "1-ia3/adapter_config.json",
    ]);
    const again = adapterForm(files, { model: "merge-base" });
    expect((await api.call<DeltaReply>("POST", "/v1/deltas", { key, body: again })).id).toBe(delta.id);
  });

  it("makes a model of its own, which answers as the base does with the deltas", async () => {
    const names = { one: 0.5, two: 0.25, "other-layer": -1 };
    const model = await merge({ output: "model", suffix: "whole" }, names);
    expect(model).toEqual({
      id: expect.stringMatching(/^ft:merge-base:merge-owner:whole:[0-9a-f]{12}$/),
      object: "model",
      created: expect.any(Number),
      owned_by: "merge-owner",
      root: "merge-base",
      parent: "merge-base",
      base_status: "available",
      context_length: 128,
      max_model_len: 128,
    });
    const deltas = Object.entries(names).map(([name, weight]) => ({ id: named(name).id, weight }));
    expectSameAnswer(await answer(model.id), await answer("merge-base", deltas));
    const { data } = await api.call<{ data: { id: string }[] }>("GET", "/v1/models", { key });
    expect(data.map(({ id }) => id)).toContain(model.id);
  });

  it("gives a folder that is uploaded again as the same delta", async () => {
    const { id } = await merge({ method: "linear" }, { one: 1, "other-layer": 2 });
    const archive = new Uint8Array(await (await api.send("GET", `/v1/deltas/${id}/content`, { key })).arrayBuffer());
    const again = await api.call<DeltaReply>("POST", "/v1/deltas", {
      key,
      body: adapterForm(readTar(archive), { model: "merge-base" }),
    });
    expect(again.id).toBe(id);
  });

  it("finds an equal merge as it is, and takes a model's name for its delta", async () => {
    const first = await merge({ method: "cat" }, { one: 1, "other-layer": 1 });
    const deltas = ["one", "other-layer"].map((name) => ({ id: named(name).models[0] }));
    const body = { model: "merge-base", deltas, method: "cat" };
    expect(await api.call("POST", "/v1/deltas/merge", { key, body })).toEqual(first);
  });

  it("runs once for each Idempotency-Key", async () => {
    const send = (weight: number) =>
      api.send("POST", "/v1/deltas/merge", {
        key,
        body: bodyOf({}, { one: weight }),
        headers: { "idempotency-key": "merge-1" },
      });
    const first = await (await send(0.3)).json();
    const second = await send(0.3);
    expect([await second.json(), second.headers.get("idempotent-replayed")]).toEqual([first, "true"]);
    expect((await send(0.4)).status).toBe(422);
  });

  it.each<[string, () => object, Record<string, unknown>]>([
    [
      "a delta that is not there",
      () => ({ ...bodyOf({}), deltas: [{ id: "delta-none" }] }),
      { status: 404, param: "deltas[0].id" },
    ],
    ["a base that is not there", () => bodyOf({ model: "no-base" }), { status: 404, param: "model" }],
    [
      "a fine-tuned model as the base",
      () => bodyOf({ model: named("one").models[0] }),
      { status: 400, param: "model" },
    ],
    ["no delta", () => bodyOf({ deltas: [] }), { param: "deltas" }],
    [
      "a weight of 0",
      () => bodyOf({}, { one: 1, two: 0 }),
      { param: "deltas[1].weight", message: expect.stringContaining("leave the delta out of the list") },
    ],
    [
      "a delta twice",
      () => bodyOf({ deltas: [{ id: named("one").id }, { id: named("one").models[0] }] }),
      { param: "deltas[1].id", message: expect.stringContaining("named twice") },
    ],
    ["a method that is not known", () => bodyOf({ method: "slerp" }), { param: "method" }],
    [
      "a density that is missing",
      () => bodyOf({ method: "ties" }),
      { param: "density", message: "`density` is missing; the method ties requires it." },
    ],
    ["an option without meaning", () => bodyOf({ seed: 1 }), { param: "seed" }],
    ["a density above 1", () => bodyOf({ method: "ties", density: 1.5 }), { param: "density" }],
    ["an unknown field", () => bodyOf({ weights: [1] }), { param: "weights" }],
  ])("refuses %s", async (_what, body, expected) => {
    expect(await refuse(body())).toMatchObject(expected);
  });

  it("refuses a rank beyond what is served, and says how to lower it", async () => {
    const wide = ["wide", "wider"].map((name) => adapterForm(loraFolder(name, Q, 70), { model: "merge-base" }));
    const deltas: { id: string }[] = [];
    for (const body of wide) deltas.push(await api.call<DeltaReply>("POST", "/v1/deltas", { key, body }));
    const named = bodyOf({ deltas: deltas.map(({ id }) => ({ id })) });
    expect(await refuse({ ...named, method: "cat" })).toMatchObject({
      param: "method",
      message:
        "`method`: the result has a rank of 140, but the most that is served on this model is a rank of 128. Use svd with a `rank` of at most that.",
    });
    // The layer has 16 columns, so the sum has no higher rank.
    expect(await api.call("POST", "/v1/deltas/merge", { key, body: named })).toMatchObject({ object: "delta" });
  });

  it("refuses deltas of different bases", async () => {
    await api.uploadBase(
      "merge-other",
      new Map([...(await import("../support/tiny-base.ts")).tinyBase({ "generation_config.json": "{}" })]),
    );
    await api.call("POST", "/v1/admin/models/merge-other/publish", { key: "admin-token-of-the-tests" });
    const { id } = await api.call<DeltaReply>("POST", "/v1/deltas", {
      key,
      body: adapterForm(loraFolder("one"), { model: "merge-other" }),
    });
    expect(await refuse(bodyOf({ deltas: [{ id: named("one").id }, { id }] }))).toMatchObject({
      status: 400,
      code: "invalid_delta",
      param: "deltas[1].id",
      message: expect.stringContaining("is for merge-other, not for merge-base"),
    });
  });

  it("refuses a result that changes nothing, and stores none", async () => {
    const copy = await merge({}, { one: 1 });
    const before = (await api.env.BLOBS.list({ prefix: "tenants/merge-owner/" })).objects.length;
    const deltas = [
      { id: named("one").id, weight: 1 },
      { id: copy.id, weight: -1 },
    ];
    expect(await refuse(bodyOf({ deltas }))).toMatchObject({
      status: 400,
      param: "deltas",
      message: expect.stringContaining("cancel"),
    });
    expect((await api.env.BLOBS.list({ prefix: "tenants/merge-owner/" })).objects.length).toBe(before);
  });

  it("knows nobody else's deltas", async () => {
    const stranger = await api.tenant("merge-stranger");
    expect(await api.refusal("POST", "/v1/deltas/merge", { key: stranger, body: bodyOf({}) })).toMatchObject({
      status: 404,
      param: "deltas[0].id",
    });
  });
});

async function contentOf(id: string, name: string): Promise<Uint8Array> {
  const response = await api.send("GET", `/v1/deltas/${id}/content`, { key });
  return readTar(new Uint8Array(await response.arrayBuffer())).get(name)!;
}
