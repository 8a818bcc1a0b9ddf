import { env } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { dispatcherObject } from "../../../edge/objects/remote.ts";
import { ADMIN_TOKEN, Api } from "../support/api.ts";
import { fileList, json, TINY_CONFIG, tinyBase, tinyWeights } from "../support/tiny-base.ts";

const api = new Api();
const key = ADMIN_TOKEN;

async function publishing(id: string, changes: Parameters<typeof tinyBase>[0]) {
  await api.uploadBase(id, tinyBase(changes));
  return api.refusal("POST", `/v1/admin/models/${id}/publish`, { key });
}

describe("adding a base model", () => {
  it("opens it to all tenants once it is uploaded and sound", async () => {
    const tenant = await api.tenant("bases");
    await api.uploadBase("tiny", tinyBase());
    expect(await api.refusal("GET", "/v1/models/tiny", { key: tenant })).toMatchObject({ code: "model_not_found" });
    const ready = await api.call("POST", "/v1/admin/models/tiny/publish", { key });
    const notes = ["Requests with tools are refused: its chat template does not show tools to the model."];
    expect(ready).toMatchObject({ id: "tiny", object: "base_model", status: "ready", notes });
    expect(await api.call("GET", "/v1/models/tiny", { key: tenant })).toMatchObject({
      id: "tiny",
      object: "model",
      root: "tiny",
      parent: null,
    });
  });

  it("takes the same base again, so that a restart needs no care", async () => {
    await api.base("again");
    const files = await fileList(tinyBase());
    const announced = await api.call("POST", "/v1/admin/models", { key, body: { id: "again", files } });
    expect(announced).toMatchObject({ status: "ready" });
    await api.base("again");
  });

  it("keeps a finished base as it is", async () => {
    await api.base("fixed");
    const files = await fileList(tinyBase({ "README.md": "another" }));
    expect(await api.refusal("POST", "/v1/admin/models", { key, body: { id: "fixed", files } })).toMatchObject({
      status: 409,
      code: "conflict",
      param: "id",
    });
  });

  it("takes probes with it, which are not part of what it is, and refuses ones that cannot be read", async () => {
    const probes = (facts: unknown) => ({
      "evaluation.json": JSON.stringify({ format: "trimtab.evaluation/1", facts }),
    });
    const facts = [{ prompt: "Water is", answer: "wet" }];
    const refusal = await publishing("probed", probes([{ prompt: "Water is" }]));
    expect(refusal).toMatchObject({
      ...{ status: 400, code: "invalid_model" },
      message: expect.stringContaining("evaluation.json: `facts[0].answer` is required"),
    });
    await api.uploadBase("probed", tinyBase(probes(facts)));
    expect(await api.call("POST", "/v1/admin/models/probed/publish", { key })).toMatchObject({ status: "ready" });
    // A finished base stays as it is.
    const files = await fileList(tinyBase(probes([])));
    const again = await api.call<{ status: string; files: { name: string; sha256: string }[] }>(
      ...(["POST", "/v1/admin/models", { key, body: { id: "probed", files } }] as const),
    );
    const sha256 = (list: typeof again.files) => list.find(({ name }) => name === "evaluation.json")!.sha256;
    expect(again.status).toBe("ready");
    expect(sha256(again.files)).not.toBe(sha256(files as typeof again.files));
  });

  it("takes other probes for a base that is not finished", async () => {
    const announce = async (text: string) =>
      api.call("POST", "/v1/admin/models", {
        key,
        body: { id: "probing", files: await fileList(tinyBase({ "evaluation.json": text })) },
      });
    await announce('{"format": "trimtab.evaluation/1"}');
    await announce('{"format": "trimtab.evaluation/1", "texts": ["Once."]}');
    await api.uploadBase(
      "probing",
      tinyBase({ "evaluation.json": '{"format": "trimtab.evaluation/1", "texts": ["Once."]}' }),
    );
    expect(await api.call("POST", "/v1/admin/models/probing/publish", { key })).toMatchObject({ status: "ready" });
  });

  it("takes an id of owner and name", async () => {
    await api.base("owner/name");
    expect(await api.call("GET", "/v1/admin/models/owner%2Fname", { key })).toMatchObject({ id: "owner/name" });
  });

  it("refuses names that are not on the list, pickles with the reason", async () => {
    const sha256 = "0".repeat(64);
    const announce = (name: string) =>
      api.refusal("POST", "/v1/admin/models", { key, body: { id: "names", files: [{ name, bytes: 1, sha256 }] } });
    expect(await announce("pytorch_model.bin")).toMatchObject({
      status: 400,
      param: "files[0].name",
      message: expect.stringContaining("safetensors"),
    });
    expect(await announce("model-q4_k_m.gguf")).toMatchObject({
      status: 400,
      message: expect.stringContaining("GGUF files are not supported"),
    });
    expect(await announce("../config.json")).toMatchObject({ status: 400, param: "files[0].name" });
  });

  it("refuses bytes that are not those announced, and keeps none of them", async () => {
    const files = await fileList(tinyBase());
    await api.call("POST", "/v1/admin/models", { key, body: { id: "bytes", files } });
    const put = (body: Uint8Array) => api.refusal("PUT", "/v1/admin/models/bytes/files/config.json", { key, body });
    const config = json(TINY_CONFIG);
    expect(await put(config.with(0, 32))).toMatchObject({ status: 400, code: "invalid_request" });
    expect(await put(config.subarray(1))).toMatchObject({ status: 400, code: "invalid_request" });
    expect((await env.BLOBS.list({ prefix: "bases/bytes/" })).objects).toEqual([]);
  });

  it.each([
    ["a truncated weight file", { "model.safetensors": tinyWeights().subarray(0, 1000) }, /model\.safetensors/],
    ["a header of eight bytes that lies", { "model.safetensors": tinyWeights().with(6, 255) }, /claims a header/],
    ["an empty weight file", { "model.safetensors": new Uint8Array() }, /truncated/],
    [
      "a missing tensor",
      { "model.safetensors": tinyWeights((tensors) => tensors.delete("model.norm.weight")) },
      /lack model\.norm\.weight/,
    ],
    [
      "a tensor of integers",
      {
        "model.safetensors": tinyWeights((tensors) =>
          tensors.set("model.norm.weight", { dtype: "I32", shape: [16], bytes: new Uint8Array(64) }),
        ),
      },
      /I32/,
    ],
    [
      "a value that is not finite",
      {
        "model.safetensors": tinyWeights((tensors) =>
          tensors.set("model.norm.weight", { dtype: "F32", shape: [16], bytes: new Uint8Array(64).fill(255) }),
        ),
      },
      /not finite/,
    ],
    [
      "sizes that do not fit the weights",
      { "config.json": JSON.stringify({ ...TINY_CONFIG, hidden_size: 32 }) },
      /hidden|\[/,
    ],
    ["a family that is not known", { "config.json": JSON.stringify({ ...TINY_CONFIG, model_type: "mamba" }) }, /mamba/],
    ["code that comes with it", { "config.json": JSON.stringify({ ...TINY_CONFIG, auto_map: {} }) }, /auto_map/],
    ["a configuration that is no JSON", { "config.json": "{" }, /config\.json is not valid JSON/],
    ["a tokenizer without an end token", { "tokenizer_config.json": "{}" }, /eos_token/],
    [
      "more than the isolate can hold",
      { "config.json": JSON.stringify({ ...TINY_CONFIG, hidden_size: 8192, intermediate_size: 8192 }) },
      /ENGINE_HEAP_MB limits the heap/,
    ],
  ])("refuses %s, says what to change, and keeps nothing", async (_, changes, message) => {
    const refusal = await publishing("broken", changes);
    expect(refusal).toMatchObject({ status: 400, code: "invalid_model", message: expect.stringMatching(message) });
    expect(await api.refusal("GET", "/v1/admin/models/broken", { key })).toMatchObject({ status: 404 });
    await expect.poll(async () => (await env.BLOBS.list({ prefix: "bases/broken/" })).objects).toEqual([]);
  });

  it("names everything that is wrong before the weights are uploaded, and keeps nothing", async () => {
    const folder = tinyBase({
      "config.json": JSON.stringify({ ...TINY_CONFIG, hidden_act: "gelu", rope_scaling: { type: "yarn" } }),
      "generation_config.json": "[]",
      "chat_template.jinja": "{% for",
    });
    await api.call("POST", "/v1/admin/models", { key, body: { id: "early", files: await fileList(folder) } });
    const check = () => api.refusal("POST", "/v1/admin/models/early/check", { key });
    for (const [name, body] of folder) {
      if (name !== "model.safetensors") await api.call("PUT", `/v1/admin/models/early/files/${name}`, { key, body });
    }
    const { status, code, message } = await check();
    expect([status, code, message.split("\n- ").slice(0, 4)]).toEqual([
      400,
      "invalid_model",
      [
        "4 things in the model have to change:",
        'config.json: hidden_act: "gelu" is not supported; only silu is',
        'config.json: rope_scaling.rope_type: "yarn" is not supported; use default, linear or llama3',
        "generation_config.json: must be a JSON object",
      ],
    ]);
    expect(message).toContain("- chat_template.jinja: fails on a conversation of user: ");
    expect(await check()).toMatchObject({ status: 404 });
  });

  it("finds a sound model sound before its weights are there, and again", async () => {
    const folder = tinyBase();
    await api.call("POST", "/v1/admin/models", { key, body: { id: "sound", files: await fileList(folder) } });
    for (const [name, body] of folder) {
      if (name !== "model.safetensors") await api.call("PUT", `/v1/admin/models/sound/files/${name}`, { key, body });
    }
    await api.call("POST", "/v1/admin/models", { key, body: { id: "later", files: await fileList(folder) } });
    expect(await api.refusal("POST", "/v1/admin/models/later/check", { key })).toMatchObject({
      code: "invalid_request",
      message: expect.stringContaining("not uploaded yet: config.json, tokenizer.json, tokenizer_config.json."),
    });
    expect(await api.call("GET", "/v1/admin/models/later", { key })).toMatchObject({ status: "pending" });
    for (let time = 0; time < 2; time++) {
      const checked = await api.call("POST", "/v1/admin/models/sound/check", { key });
      expect(checked).toMatchObject({ id: "sound", status: "pending" });
    }
    await api.uploadBase("sound", folder);
    expect(await api.call("POST", "/v1/admin/models/sound/publish", { key })).toMatchObject({ status: "ready" });
    expect(await api.call("POST", "/v1/admin/models/sound/check", { key })).toMatchObject({ status: "ready" });
  });

  it("lists bases of every status by pages, and deletes them", async () => {
    const tenant = await api.tenant("deleting");
    await api.base("kept");
    await api.base("gone");
    await api.uploadBase("unfinished", tinyBase());
    const page = (query: string) =>
      api.call<{ data: { id: string; status: string }[]; has_more: boolean }>("GET", `/v1/admin/models${query}`, {
        key,
      });
    const { data, has_more } = await page("?limit=2");
    expect([data.map(({ id, status }) => [id, status]), has_more]).toEqual([
      [
        ["unfinished", "pending"],
        ["gone", "ready"],
      ],
      true,
    ]);
    expect((await page("?limit=1&after=gone")).data.map(({ id }) => id)).toEqual(["kept"]);
    for (const id of ["gone", "unfinished"]) {
      expect(await api.call("DELETE", `/v1/admin/models/${id}`, { key })).toEqual({
        id,
        object: "base_model",
        deleted: true,
      });
      expect(await api.refusal("GET", `/v1/admin/models/${id}`, { key })).toMatchObject({ status: 404 });
    }
    expect(await api.refusal("GET", "/v1/models/gone", { key: tenant })).toMatchObject({ code: "model_not_found" });
    expect(await api.refusal("DELETE", "/v1/admin/models/gone", { key })).toMatchObject({ status: 404 });
    await expect.poll(async () => (await env.BLOBS.list({ prefix: "bases/gone/" })).objects).toEqual([]);
    // A name is free again, for other files too.
    await api.base("gone", tinyBase({ "README.md": "another" }));
  });

  it("keeps a base while jobs train on it", async () => {
    await api.base("busy");
    const tenant = await api.tenant("training");
    const training_file = await api.dataset(tenant);
    const { id } = await api.call<{ id: string }>("POST", "/v1/fine_tuning/jobs", {
      key: tenant,
      body: { model: "busy", training_file },
    });
    expect(await api.refusal("DELETE", "/v1/admin/models/busy", { key })).toMatchObject({
      status: 409,
      code: "conflict",
      message: `Jobs train on the base model busy: ${id}. Cancel them or wait for their end, then delete it.`,
    });
    const change = (verb: string) => api.call("POST", `/v1/fine_tuning/jobs/${id}/${verb}`, { key: tenant });
    await change("pause");
    expect(await api.refusal("DELETE", "/v1/admin/models/busy", { key })).toMatchObject({
      status: 409,
      message: `Jobs train on the base model busy: ${id} (paused). Cancel them or wait for their end, then delete it.`,
    });
    await change("resume");
    expect(await api.refusal("DELETE", "/v1/admin/models/busy", { key })).toMatchObject({
      message: expect.stringContaining(`busy: ${id}. `),
    });
    await change("pause");
    await change("cancel");
    expect(await api.call("DELETE", "/v1/admin/models/busy", { key })).toMatchObject({ deleted: true });
  });

  it("unties a head that differs from the embedding", async () => {
    const withHead = (change: (bytes: Uint8Array) => Uint8Array) =>
      tinyWeights((tensors) => {
        const embedding = tensors.get("model.embed_tokens.weight")!;
        tensors.set("lm_head.weight", { ...embedding, bytes: change(embedding.bytes) });
      });
    const ready = async (id: string, weights: Uint8Array) => {
      await api.base(id, tinyBase({ "model.safetensors": weights }));
      return (await dispatcherObject(api.env).bases.ready(id))?.config;
    };
    expect(
      await ready(
        "same-head",
        withHead((bytes) => bytes),
      ),
    ).toMatchObject({ tie_word_embeddings: true });
    expect(
      await ready(
        "own-head",
        withHead((bytes) => bytes.with(0, bytes[0]! ^ 1)),
      ),
    ).toMatchObject({
      tie_word_embeddings: false,
    });
  });

  it("refuses to publish what was not uploaded", async () => {
    const files = await fileList(tinyBase());
    await api.call("POST", "/v1/admin/models", { key, body: { id: "absent", files } });
    expect(await api.refusal("POST", "/v1/admin/models/absent/publish", { key })).toMatchObject({
      code: "invalid_model",
      message: expect.stringContaining("config.json was not uploaded"),
    });
  });
});
