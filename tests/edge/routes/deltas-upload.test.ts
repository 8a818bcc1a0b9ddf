import { zipSync } from "fflate";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { encodeManifest, parseManifest } from "../../../shared/delta/manifest.ts";
import { encodeScorer } from "../../../shared/delta/scorer-file.ts";
import { parseSafetensors, type SafetensorsTensor, writeSafetensors } from "../../../shared/formats/safetensors.ts";
import { tarEnd, tarEntry } from "../../../shared/formats/tar.ts";
import { readTar } from "../../../shared/formats/tar-reader.ts";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { adapterFiles } from "../../../shared/peft/adapter-folder.ts";
import { f32 } from "../../../shared/tensor.ts";
import { randomScorer } from "../../shared/delta/random-scorer.ts";
import { Api } from "../support/api.ts";
import { TINY_CONFIG, tinyBase, tinyWeights } from "../support/tiny-base.ts";

type Files = ReadonlyMap<string, Uint8Array>;

const config = parseModelConfig(TINY_CONFIG);
const KEY = "base_model.model.model.layers.0.self_attn.q_proj.lora";

/** An adapter of rank 2 on one layer, as peft saves it. */
function peftFolder(changes: Readonly<Record<string, unknown>> = {}): Map<string, Uint8Array> {
  const width = config.hiddenSize;
  return adapterFiles(
    {
      peft_type: "LORA",
      r: 2,
      lora_alpha: 4,
      target_modules: ["layers.0.self_attn.q_proj"],
      bias: "none",
      base_model_name_or_path: "somewhere/else",
      ...changes,
    },
    new Map([
      [`${KEY}_A.weight`, f32([2, width], new Float32Array(2 * width).fill(0.5))],
      [`${KEY}_B.weight`, f32([width, 2], new Float32Array(2 * width).fill(0.25))],
    ]),
  );
}

function withTensors(change: (tensors: Map<string, SafetensorsTensor>) => void): Files {
  const files = peftFolder();
  const tensors = new Map(parseSafetensors(files.get("adapter_model.safetensors")!).tensors);
  change(tensors);
  return files.set("adapter_model.safetensors", writeSafetensors(tensors, { format: "pt" }));
}

function tar(files: Files): Uint8Array {
  const parts = [...files].flatMap(([name, bytes]) => {
    const { header, padding } = tarEntry(name, bytes.length);
    return [header, bytes, padding];
  });
  return new Uint8Array([...parts, tarEnd()].flatMap((part) => [...part]));
}

function form(archive: Uint8Array, fields: Readonly<Record<string, string>> = { model: "upload-base" }): FormData {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) body.append(name, value);
  body.append("file", new File([archive as Uint8Array<ArrayBuffer>], "adapter.tar"));
  return body;
}

interface DeltaReply {
  readonly id: string;
  readonly models: string[];
  readonly parents: string[];
}

const api = new Api();
let key: string;
beforeAll(async () => {
  await api.base("upload-base");
  key = await api.tenant("upload-owner");
});
const upload = (files: Files) => api.call<DeltaReply>("POST", "/v1/deltas", { key, body: form(tar(files)) });
const stored = async () => (await api.env.BLOBS.list({ prefix: "tenants/upload-owner/deltas/" })).objects.length;

describe("POST /v1/deltas", () => {
  it("keeps an adapter that peft made, and gives it back as it came", async () => {
    const delta = await upload(peftFolder());
    expect(delta).toMatchObject({
      object: "delta",
      model: "upload-base",
      methods: ["lora"],
      trainable_parameters: 4 * config.hiddenSize,
      parents: [],
      metrics: {},
      fine_tuning_job_id: null,
    });
    expect(await api.call("GET", `/v1/deltas/${delta.id}`, { key })).toEqual(delta);
    const [model] = delta.models;
    expect(model).toMatch(/^ft:upload-base:upload-owner::[0-9a-f]{12}$/);
    expect(await api.call("GET", `/v1/models/${encodeURIComponent(model!)}`, { key })).toMatchObject({
      root: "upload-base",
    });
    const content = await api.send("GET", `/v1/deltas/${delta.id}/content`, { key });
    const files = readTar(new Uint8Array(await content.arrayBuffer()));
    for (const [name, bytes] of peftFolder()) expect(files.get(name)).toEqual(bytes);
  });

  it("is the same delta for the same contents, whenever they come, in whatever archive and order, and under every name", async () => {
    const files = peftFolder({ lora_alpha: 21 });
    const first = await upload(files);
    const before = await stored();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3_600_000 });
    try {
      expect(await upload(files)).toEqual(first);
      expect((await upload(new Map([...files].toReversed()))).id).toBe(first.id);
    } finally {
      vi.useRealTimers();
    }
    const archives = [zipSync(Object.fromEntries(files)), tar(files)];
    const named = { model: "upload-base", suffix: "named" };
    const ids = await Promise.all(
      archives.map((archive) => api.call<DeltaReply>("POST", "/v1/deltas", { key, body: form(archive, named) })),
    );
    expect(new Set(ids.map(({ id }) => id))).toEqual(new Set([first.id]));
    expect(await stored()).toBe(before);
    const { models } = await api.call<DeltaReply>("GET", `/v1/deltas/${first.id}`, { key });
    expect(models).toEqual([first.models[0], expect.stringMatching(/:named:/)]);
    const { data } = await api.call<{ data: DeltaReply[] }>("GET", "/v1/deltas?limit=100", { key });
    expect(data.filter(({ id }) => id === first.id)).toHaveLength(1);
  });

  it("keeps how a steering vector was made and when it applies, and refuses a condition of another width", async () => {
    const { id } = await upload(peftFolder({ lora_alpha: 5 }));
    const content = await api.send("GET", `/v1/deltas/${id}/content`, { key });
    const files = readTar(new Uint8Array(await content.arrayBuffer()));
    const manifest = parseManifest(files.get("manifest.json")!);
    const steered = (width: number) => {
      const condition = { layer: 0, position: "last", threshold: 0.1, comparator: "above" } as const;
      const steering = {
        ...({ method: "pca", position: "last", normalise: "none" } as const),
        layers: [{ layer: 0, norm: 1, relative_norm: 0.5 }],
        condition: { ...condition, vector: new Array<number>(width).fill(0.5) },
      };
      const changed = { ...manifest, methods: ["steering_vector"], steering };
      return { steering, files: new Map(files).set("manifest.json", encodeManifest(changed)) };
    };
    const { steering, files: given } = steered(config.hiddenSize);
    const kept = await upload(given);
    expect(kept).toMatchObject({ methods: ["steering_vector"] });
    const back = await api.send("GET", `/v1/deltas/${kept.id}/content`, { key });
    const stored = readTar(new Uint8Array(await back.arrayBuffer())).get("manifest.json")!;
    expect(parseManifest(stored).steering).toEqual(steering);
    expect(
      await api.refusal("POST", "/v1/deltas", { key, body: form(tar(steered(config.hiddenSize + 1).files)) }),
    ).toMatchObject({
      code: "invalid_delta",
      param: "file",
      message: expect.stringContaining("the steering condition"),
    });
  });

  it("takes what it gave back, and finds it again", async () => {
    const { id } = await upload(peftFolder({ lora_alpha: 6 }));
    const archive = new Uint8Array(await (await api.send("GET", `/v1/deltas/${id}/content`, { key })).arrayBuffer());
    const again = await api.call<DeltaReply>("POST", "/v1/deltas", { key, body: form(archive) });
    expect(again.id).toBe(id);
  });

  it("keeps the scorer of a classifier, beside an adapter or alone, and says what it tells apart", async () => {
    const scorer = randomScorer(config);
    const prompt = { prompt: "ahoy", max_tokens: 4, temperature: 0, logprobs: 3 };
    const answer = (model: string) =>
      api.call<{ choices: unknown[] }>("POST", "/v1/completions", { key, body: { model, ...prompt } });
    const bare = await upload(peftFolder({ lora_alpha: 12 }));
    for (const [files, like] of [
      [peftFolder({ lora_alpha: 12 }), bare.models[0]!],
      [new Map<string, Uint8Array>(), "upload-base"],
    ] as const) {
      const delta = await upload(new Map([...files, ["scorer.safetensors", encodeScorer(scorer)]]));
      expect(delta).toMatchObject({
        labels: ["class 0", "class 1"],
        modes: ["lookahead", "class_rows", "token_values"],
        methods: [...(files.size > 0 ? ["lora"] : []), "scorer"],
      });
      const [model] = delta.models;
      expect(await api.call("GET", `/v1/models/${encodeURIComponent(model!)}`, { key })).toMatchObject({
        labels: ["class 0", "class 1"],
      });
      // Its text is what the adapter alone gives.
      expect((await answer(model!)).choices).toEqual((await answer(like)).choices);
      const content = await api.send("GET", `/v1/deltas/${delta.id}/content`, { key });
      const archive = new Uint8Array(await content.arrayBuffer());
      expect(readTar(archive).get("scorer.safetensors")).toEqual(encodeScorer(scorer));
      expect(await api.call("POST", "/v1/deltas", { key, body: form(archive) })).toMatchObject({ id: delta.id });
      const merge = { model: "upload-base", deltas: [{ id: delta.id }, { id: bare.id }], method: "linear" };
      expect(await api.refusal("POST", "/v1/deltas/merge", { key, body: merge })).toMatchObject({
        status: 400,
        param: "deltas[0]",
        message: expect.stringContaining("scorer"),
      });
    }
    expect(bare).not.toHaveProperty("labels");
  });

  it("takes a zip archive, a folder around everything, and a suffix", async () => {
    const inside = Object.fromEntries([...peftFolder({ lora_alpha: 7 })].map(([name, bytes]) => [`my/${name}`, bytes]));
    const body = form(zipSync(inside), { model: "upload-base", suffix: "zipped" });
    const { models } = await api.call<DeltaReply>("POST", "/v1/deltas", { key, body });
    expect(models[0]).toMatch(/^ft:upload-base:upload-owner:zipped:/);
  });

  it("lists the files that it did not read, of a folder as a trainer saves it, also when it is asked again", async () => {
    const beside = ["tokenizer.json", "optimizer.pt", "training_args.bin", "._adapter_config.json", "runs/events"];
    const files = new Map([
      ...peftFolder({ lora_alpha: 9 }),
      ...beside.map((name) => [name, new Uint8Array(3)] as const),
    ]);
    const headers = { "idempotency-key": "upload-beside" };
    for (const _ of [1, 2]) {
      const reply = await api.call<Record<string, unknown>>("POST", "/v1/deltas", {
        key,
        headers,
        body: form(tar(files)),
      });
      expect(reply).toMatchObject({ object: "delta", ignored_files: beside });
      const kept = await api.call<Record<string, unknown>>("GET", `/v1/deltas/${reply.id}`, { key });
      expect(kept).not.toHaveProperty("ignored_files");
    }
  });

  it("runs once for each Idempotency-Key", async () => {
    const send = (files: Files) =>
      api.send("POST", "/v1/deltas", { key, body: form(tar(files)), headers: { "idempotency-key": "upload-1" } });
    const first = await (await send(peftFolder({ lora_alpha: 8 }))).json();
    const second = await send(peftFolder({ lora_alpha: 8 }));
    expect([await second.json(), second.headers.get("idempotent-replayed")]).toEqual([first, "true"]);
    expect((await send(peftFolder({ lora_alpha: 9 }))).status).toBe(422);
    const renamed = form(tar(peftFolder({ lora_alpha: 8 })), { model: "upload-base", suffix: "other" });
    expect(
      await api.refusal("POST", "/v1/deltas", { key, body: renamed, headers: { "idempotency-key": "upload-1" } }),
    ).toMatchObject({ status: 422, code: "idempotency_mismatch" });
  });

  it("keeps what a manifest says of the form that the base had, and finds it again", async () => {
    const { id } = await upload(peftFolder({ lora_alpha: 12 }));
    const download = async (delta: string) => {
      const content = await api.send("GET", `/v1/deltas/${delta}/content`, { key });
      const files = new Map(readTar(new Uint8Array(await content.arrayBuffer())));
      return { files, manifest: JSON.parse(new TextDecoder().decode(files.get("manifest.json"))) as object };
    };
    const { files, manifest } = await download(id);
    const form = { bnb_4bit_quant_type: "nf4", bnb_4bit_use_double_quant: true };
    const said = { ...manifest, base_quantization: form, methods: ["qlora"] };
    const delta = await upload(files.set("manifest.json", new TextEncoder().encode(JSON.stringify(said))));
    expect(delta).toMatchObject({ methods: ["qlora"] });
    const again = await download(delta.id);
    expect(again.manifest).toMatchObject({ base_quantization: form });
    expect((await upload(again.files)).id).toBe(delta.id);
  });

  it.each<[string, () => Files, string, string]>([
    [
      "a tensor missing",
      () => withTensors((tensors) => tensors.delete(`${KEY}_B.weight`)),
      "invalid_delta",
      "lora_B.weight",
    ],
    [
      "a tensor too many",
      () => withTensors((tensors) => tensors.set("extra", tensors.get(`${KEY}_A.weight`)!)),
      "invalid_delta",
      "extra",
    ],
    [
      "another base's shape",
      () =>
        withTensors((tensors) =>
          tensors.set(`${KEY}_A.weight`, { dtype: "F32", shape: [2, 8], bytes: new Uint8Array(64) }),
        ),
      "invalid_delta",
      "was the adapter made for another base?",
    ],
    [
      "a number that is none",
      () =>
        withTensors((tensors) => {
          const { bytes, ...rest } = tensors.get(`${KEY}_A.weight`)!;
          const bad = bytes.slice();
          new DataView(bad.buffer).setFloat32(0, Number.NaN, true);
          tensors.set(`${KEY}_A.weight`, { ...rest, bytes: bad });
        }),
      "invalid_delta",
      "is not finite",
    ],
    [
      "numbers that no model can be served with",
      () =>
        withTensors((tensors) => {
          const { bytes, ...rest } = tensors.get(`${KEY}_A.weight`)!;
          const bad = bytes.slice();
          new DataView(bad.buffer).setFloat32(0, 1e37, true);
          tensors.set(`${KEY}_A.weight`, { ...rest, bytes: bad });
        }),
      "invalid_delta",
      "overflow 32-bit floats",
    ],
    ["an unknown method", () => peftFolder({ peft_type: "NOT_HERE" }), "invalid_delta", "lora"],
    [
      "target modules that match nothing",
      () => peftFolder({ target_modules: ["c_attn"] }),
      "invalid_delta",
      "target_modules",
    ],
    ["a rank that the tensors do not have", () => peftFolder({ r: 3 }), "invalid_delta", "r"],
    [
      "more than any request could use",
      () => {
        const [rank, width] = [200, config.hiddenSize];
        const matrix = (shape: readonly number[]) => f32(shape, new Float32Array(rank * width).fill(0.5));
        const tensors = { A: matrix([rank, width]), B: matrix([width, rank]) };
        const json = { peft_type: "LORA", r: rank, lora_alpha: 4, target_modules: ["layers.0.self_attn.q_proj"] };
        return adapterFiles(
          json,
          new Map(Object.entries(tensors).map(([name, value]) => [`${KEY}_${name}.weight`, value])),
        );
      },
      "invalid_delta",
      "the adapter has a rank of 200, but the most that is served on this model is a rank of 128",
    ],
    ["a pickle", () => peftFolder().set("adapter_model.bin", new Uint8Array(4)), "invalid_delta", "pickle"],
    ["no configuration", () => new Map([...peftFolder()].slice(1)), "invalid_delta", "lacks adapter_config.json"],
  ])("refuses %s and keeps nothing", async (_name, files, code, message) => {
    const before = await stored();
    const refusal = await api.refusal("POST", "/v1/deltas", { key, body: form(tar(files())) });
    expect(refusal).toMatchObject({ code, param: "file" });
    expect(refusal.message).toContain(message);
    expect(await stored()).toBe(before);
  });

  it("refuses a base that is not there, and a body that is no form", async () => {
    const body = form(tar(peftFolder()), { model: "no-such-base" });
    expect(await api.refusal("POST", "/v1/deltas", { key, body })).toMatchObject({ status: 404, param: "model" });
    expect(await api.refusal("POST", "/v1/deltas", { key, body: { model: "upload-base" } })).toMatchObject({
      message: expect.stringContaining("multipart/form-data with the fields `file` and `model`"),
    });
  });

  it("refuses a delta that was published for another base", async () => {
    const { id } = await upload(peftFolder({ lora_alpha: 10 }));
    const archive = new Uint8Array(await (await api.send("GET", `/v1/deltas/${id}/content`, { key })).arrayBuffer());
    const files = new Map(readTar(archive));
    const manifest = JSON.parse(new TextDecoder().decode(files.get("manifest.json"))) as object;
    const changed = { ...manifest, base_digest: "f".repeat(64) };
    files.set("manifest.json", new TextEncoder().encode(JSON.stringify(changed)));
    const refusal = await api.refusal("POST", "/v1/deltas", { key, body: form(tar(files)) });
    expect(refusal.message).toContain("was made for upload-base with base model digest");
  });

  it("refuses an adapter that names another of the bases here, which shapes need not tell apart", async () => {
    await api.base(
      "upload-twin",
      tinyBase({
        "model.safetensors": tinyWeights((tensors) => void tensors.get("model.norm.weight")!.bytes.fill(60)),
      }),
    );
    const before = await stored();
    for (const name of ["upload-twin", "/models/upload-twin/", "owner/upload-twin"]) {
      const body = form(tar(peftFolder({ base_model_name_or_path: name })));
      const refusal = await api.refusal("POST", "/v1/deltas", { key, body });
      expect(refusal).toMatchObject({ code: "invalid_delta", param: "file" });
      expect(refusal.message).toContain(`made for ${JSON.stringify(name)}; send \`model: "upload-twin"\``);
    }
    expect(await stored()).toBe(before);
    const own = await upload(peftFolder({ base_model_name_or_path: "upload-base" }));
    expect(own).toMatchObject({ model: "upload-base" });
  });

  it("is nobody else's", async () => {
    const { id } = await upload(peftFolder({ lora_alpha: 11 }));
    const stranger = await api.tenant("upload-stranger");
    expect(await api.refusal("GET", `/v1/deltas/${id}`, { key: stranger })).toMatchObject({ status: 404 });
  });
});
