import { describe, expect, test } from "vitest";
import { fromF32, parseSafetensors, type SafetensorsTensor } from "../../../../shared/formats/safetensors.ts";
import { biasName } from "../../../../shared/model/modules.ts";
import { parseAdapterFolder, readAdapterFolder } from "../../../../shared/peft/adapter-folder.ts";
import type { LoraLayer } from "../../../../shared/peft/lora/adapter.ts";
import { loraFormat, writeLoraFolder } from "../../../../shared/peft/lora/format.ts";
import type { BaseAccess } from "../../../../shared/peft/method.ts";
import { f32 } from "../../../../shared/tensor.ts";
import {
  goldenFiles,
  logitsOf,
  type PeftGolden,
  peftGolden,
  served,
  withTensors,
} from "../../../support/peft-golden.ts";
import { goldenModel, largestDifference } from "../../model/golden-models.ts";
import { goldenConfig, goldenFolder, withConfig } from "../golden-adapters.ts";
import { readLora } from "./golden.ts";

const WEIGHTS = "adapter_model.safetensors";
const Q0 = "base_model.model.model.layers.0.self_attn.q_proj";
const { hiddenSize, heads, headDim, vocabSize } = goldenConfig;
const formats = new Map([["lora", loraFormat]]);
const { weights } = await goldenModel("plain");
const plain: BaseAccess = { config: goldenConfig, weight: async (name) => weights.get(name)! };
const read = (files: ReadonlyMap<string, Uint8Array>, base = plain) => readAdapterFolder(files, base, formats);
const readFolder = (files: ReadonlyMap<string, Uint8Array>) => readLora(parseAdapterFolder(files), goldenConfig);
const changed = (change: (tensors: Map<string, SafetensorsTensor>) => void, config: object = {}) =>
  withTensors(withConfig(goldenFolder("adapter"), { ...config }), change);

/** Folders that peft saved, with the numbers that they hold. What peft computes when it loads them is beside them. */
const FOLDERS: readonly (readonly [name: string, parameters: number])[] = [
  ["lora-all-linear", 1024],
  ["lora-layers", 288],
  ["lora-regex-patterns", 1696],
  ["lora-exclude", 480],
  ["lora-bias-all", 768],
  ["lora-bias-only", 704],
  ["lora-lora-bias", 544],
  ["lora-embeddings-head", 768],
  ["lora-embeddings-head-tied", 832],
  ["lora-weight-tying", 832],
  ["loraplus", 960],
  ["pissa", 1248],
  ["pissa-converted", 2496],
  ["olora", 1248],
  ["olora-converted", 2496],
  ["bitfit", 128],
  ["bitfit-added", 320],
];

/** A converted folder computes the same as the original. */
async function folderOf(name: string): Promise<PeftGolden> {
  const golden = await peftGolden(name.replace("-converted", ""));
  return name.endsWith("-converted") ? { ...golden, folder: goldenFiles(name) } : golden;
}

describe.each(FOLDERS)("peft's %s", (name, parameters) => {
  test("is served with peft's logits", async () => {
    const golden = await folderOf(name);
    const { method, delta, parameters: counted } = await read(golden.folder, golden.base);
    expect([method, counted]).toEqual(["lora", parameters]);
    const logits = await logitsOf(golden, served(golden.config, delta));
    expect(largestDifference(logits, golden.json.logits.data)).toBeLessThan(1e-4);
  });

  test("is written with the very tensors, and is read the same", async () => {
    const { config, base, folder } = await folderOf(name);
    const copies = (key: string) => key.endsWith(".base_layer.weight");
    const bare = withTensors(folder, (tensors) => {
      for (const key of [...tensors.keys()].filter(copies)) tensors.delete(key);
    });
    const adapter = readLora(parseAdapterFolder(bare), config);
    const written = writeLoraFolder(adapter, { model: config, baseModel: "x" });
    const [ours, theirs] = [written, bare].map((files) => parseSafetensors(files.get(WEIGHTS)!));
    expect(ours).toEqual(theirs);
    expect(readLora(parseAdapterFolder(written), config)).toEqual(adapter);
    expect((await read(written, base)).delta).toEqual((await read(folder, base)).delta);
  });
});

const zeros = (shape: number[], dtype: "F32" | "F16" = "F32"): SafetensorsTensor => ({
  dtype,
  shape,
  bytes: fromF32(new Float32Array(shape.reduce((product, dim) => product * dim, 1)), dtype),
});

describe("reading", () => {
  test("factors by path, transposed for the graph, with their alphas", () => {
    const { layers } = readFolder(goldenFolder("adapter"));
    const names = ["self_attn.q_proj", "self_attn.v_proj", "mlp.down_proj"];
    const paths = Array.from({ length: goldenConfig.layers }, (_, layer) =>
      names.map((name) => `layers.${layer}.${name}`),
    );
    expect([...layers.keys()]).toEqual(paths.flat());
    const { a, b, alpha } = layers.get("layers.0.self_attn.q_proj")!;
    expect([a.shape, b.shape, alpha]).toEqual([[hiddenSize, 4], [4, heads * headDim], 8]);
    const file = parseSafetensors(goldenFolder("adapter").get(WEIGHTS)!).tensors.get(`${Q0}.lora_A.weight`)!;
    const raw = new Float32Array(file.bytes.slice().buffer);
    expect(a.data[1 * 4 + 2]).toBe(raw[2 * hiddenSize + 1]);
  });

  test("a floating-point format of 16 bits, under a pattern for targets", () => {
    const { layers } = readFolder(goldenFolder("regex-targets-f16"));
    expect([...layers.keys()]).toEqual([
      "layers.1.self_attn.q_proj",
      "layers.1.self_attn.v_proj",
      "layers.1.mlp.up_proj",
    ]);
  });

  test("DoRA's folders are left to DoRA", () => {
    const recognises = (changes: object) => loraFormat.recognises({ peft_type: "LORA", ...changes });
    expect(
      [{}, { use_dora: false }, { use_dora: null }, { use_dora: true }, { peft_type: "IA3" }].map(recognises),
    ).toEqual([true, true, true, false, false]);
  });
});

describe("writing", () => {
  test("every field of ours has the value that peft wrote for the same adapter", () => {
    const config = (folder: ReadonlyMap<string, Uint8Array>) =>
      JSON.parse(new TextDecoder().decode(folder.get("adapter_config.json")!)) as Record<string, unknown>;
    const adapter = readFolder(goldenFolder("adapter"));
    const ours = config(writeLoraFolder(adapter, { model: goldenConfig, baseModel: "tiny-llama-plain" }));
    const theirs = config(goldenFolder("adapter"));
    for (const [field, value] of Object.entries(ours)) expect([field, value]).toEqual([field, theirs[field] ?? null]);
  });

  test("target modules are short names if those are exact, and whole paths otherwise", () => {
    const adapter = readFolder(goldenFolder("adapter"));
    const layers = new Map([...adapter.layers].filter(([path]) => path !== "layers.1.self_attn.v_proj"));
    const written = writeLoraFolder({ ...adapter, layers }, { model: goldenConfig, baseModel: "x" });
    const config = JSON.parse(new TextDecoder().decode(written.get("adapter_config.json")!));
    expect(config.target_modules).toEqual(["down_proj", "layers.0.self_attn.v_proj", "q_proj"]);
    expect([...readFolder(written).layers.keys()]).toEqual([...layers.keys()]);
  });

  test("a bias that only some layers have is 0 in the others", () => {
    const adapter = readFolder(goldenFolder("adapter"));
    const [[path, layer], ...others] = adapter.layers as unknown as [[string, LoraLayer], ...[string, LoraLayer][]];
    const bias = f32([heads * headDim], new Float32Array(heads * headDim).fill(3));
    const layers = new Map([[path, { ...layer, bias }], ...others]);
    const read = readFolder(writeLoraFolder({ ...adapter, layers }, { model: goldenConfig, baseModel: "x" }));
    expect(read.layers.get(path)!.bias).toEqual(bias);
    for (const [other] of others) expect(read.layers.get(other)!.bias!.data.every((value) => value === 0)).toBe(true);
  });

  test("factors of two ranks are a mistake of the caller's", () => {
    const adapter = readFolder(goldenFolder("adapter"));
    const [[path, layer]] = adapter.layers as unknown as [[string, LoraLayer]];
    const layers = new Map([[path, { ...layer, b: f32([5, 32], new Float32Array(160)) }]]);
    expect(() => writeLoraFolder({ ...adapter, layers }, { model: goldenConfig, baseModel: "x" })).toThrow(
      `the factors of ${path} have different ranks: 4 and 5`,
    );
  });
});

describe("errors name what is wrong", () => {
  const other = { ...goldenConfig, hiddenSize: hiddenSize * 2 };
  test.each<[string, () => Map<string, Uint8Array>, string]>([
    [
      "a missing tensor",
      () => changed((tensors) => tensors.delete(`${Q0}.lora_B.weight`)),
      `adapter_model.safetensors lacks the tensor ${Q0}.lora_B.weight`,
    ],
    [
      "a missing layer",
      () =>
        changed((tensors) => {
          tensors.delete(`${Q0}.lora_A.weight`);
          tensors.delete(`${Q0}.lora_B.weight`);
        }),
      `lacks the tensor ${Q0}.lora_A.weight`,
    ],
    [
      "an extra layer",
      () => changed((tensors) => tensors.set("base_model.model.lm_head.lora_A.weight", zeros([4, 4]))),
      "there are tensors for lm_head, but target_modules in adapter_config.json does not include it",
    ],
    [
      "a bias of B that is not asked for",
      () => changed((tensors) => tensors.set(`${Q0}.lora_B.bias`, zeros([32]))),
      `the tensor "${Q0}.lora_B.bias" matches no part of the adapter`,
    ],
    [
      "a bias of B that is missing",
      () => withConfig(goldenFolder("adapter"), { lora_bias: true }),
      `lacks the tensor ${Q0}.lora_B.bias`,
    ],
    [
      "a trained embedding",
      () =>
        changed((tensors) => tensors.set("base_model.model.model.embed_tokens.weight", zeros([vocabSize, hiddenSize]))),
      "the tensor base_model.model.model.embed_tokens.weight differs from the base model's",
    ],
    [
      "a magnitude",
      () => changed((tensors) => tensors.set(`${Q0}.lora_magnitude_vector`, zeros([32]))),
      "matches no part of the adapter",
    ],
    [
      "a rank that the configuration does not say",
      () => withConfig(goldenFolder("adapter"), { rank_pattern: { "layers.0.self_attn.q_proj": 3 } }),
      `the tensor ${Q0}.lora_A.weight has rank 4, but r or rank_pattern in adapter_config.json gives 3`,
    ],
    [
      "a pattern that matches nothing",
      () => withConfig(goldenFolder("adapter"), { target_modules: "(a+)+b" }),
      "there are tensors for layers.0.self_attn.q_proj, but target_modules in adapter_config.json does not include it",
    ],
    [
      "blocks that the tensors go beyond",
      () => withConfig(goldenFolder("adapter"), { layers_to_transform: [1] }),
      "there are tensors for layers.0.self_attn.q_proj, but target_modules",
    ],
    [
      "an adapter's name in a key",
      () => changed((tensors) => tensors.set(`${Q0}.lora_A.default.weight`, zeros([4, 4]))),
      "matches no part of the adapter",
    ],
    [
      "a layer that is not named",
      () => withConfig(goldenFolder("adapter"), { target_modules: ["q_proj", "v_proj"] }),
      "there are tensors for layers.0.mlp.down_proj, but target_modules in adapter_config.json does not include it",
    ],
    [
      "names that match nothing",
      () => changed((tensors) => tensors.clear(), { target_modules: ["c_attn"] }),
      "target_modules in adapter_config.json (c_attn) matches no layer of the base model",
    ],
    [
      "A of a wrong shape",
      () => changed((tensors) => tensors.set(`${Q0}.lora_A.weight`, zeros([4, 3]))),
      `the tensor ${Q0}.lora_A.weight has shape [4, 3], but the base model needs [r, ${hiddenSize}]; was the adapter made for another base?`,
    ],
    [
      "a rank of 0",
      () => changed((tensors) => tensors.set(`${Q0}.lora_A.weight`, zeros([0, hiddenSize]))),
      `has shape [0, ${hiddenSize}], but the base model needs [r, ${hiddenSize}]`,
    ],
    [
      "B of another rank",
      () => changed((tensors) => tensors.set(`${Q0}.lora_B.weight`, zeros([heads * headDim, 5]))),
      `has shape [${heads * headDim}, 5], but the base model needs [${heads * headDim}, 4]`,
    ],
    [
      "integers",
      () =>
        changed((tensors) =>
          tensors.set(`${Q0}.lora_A.weight`, {
            dtype: "I32",
            shape: [4, hiddenSize],
            bytes: new Uint8Array(16 * hiddenSize),
          }),
        ),
      "has dtype I32; save the adapter as F32, F16 or BF16",
    ],
    [
      "NaN",
      () =>
        changed((tensors) =>
          tensors.set(`${Q0}.lora_B.weight`, {
            ...zeros([heads * headDim, 4]),
            bytes: fromF32(new Float32Array(heads * headDim * 4).fill(Number.NaN), "F32"),
          }),
        ),
      `adapter_model.safetensors has a tensor "${Q0}.lora_B.weight" whose element 0 is not finite`,
    ],
  ])("%s", async (_name, make, message) => {
    await expect(read(make())).rejects.toThrow(message);
    await expect(read(make())).rejects.toThrow(
      expect.objectContaining({ name: "TrimtabError", code: "invalid_delta" }),
    );
  });

  test("a bias of the base that is missing, or left over", async () => {
    const { folder, base } = await peftGolden("lora-bias-all");
    const other = { ...plain, config: { ...base.config, attentionBias: false } };
    await expect(read(folder, other)).rejects.toThrow(/_proj\.(base_layer\.)?bias" matches no part of the adapter/);
    const key = `base_model.model.${biasName("layers.1.self_attn.k_proj")}`;
    const without = withTensors(folder, (tensors) => tensors.delete(key));
    await expect(read(without, base)).rejects.toThrow(`lacks the tensor ${key}`);
  });

  test("an adapter for another base", async () => {
    await expect(read(goldenFolder("adapter"), { ...plain, config: other })).rejects.toThrow(
      "was the adapter made for another base?",
    );
    const fewer = { ...plain, config: { ...goldenConfig, layers: 1 } };
    await expect(read(goldenFolder("adapter"), fewer)).rejects.toThrow(
      "matches no part of the adapter on this base model",
    );
  });
});
