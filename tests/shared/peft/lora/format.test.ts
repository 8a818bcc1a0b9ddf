import { describe, expect, test } from "vitest";
import {
  fromF32,
  parseSafetensors,
  type SafetensorsTensor,
  writeSafetensors,
} from "../../../../shared/formats/safetensors.ts";
import { linearModules } from "../../../../shared/model/modules.ts";
import { parseAdapterFolder } from "../../../../shared/peft/adapter-folder.ts";
import { canonicalLora, readLora, writeLoraFolder } from "../../../../shared/peft/lora/format.ts";
import { GOLDEN_ADAPTERS, goldenConfig, goldenFolder, withConfig } from "../golden-adapters.ts";

const WEIGHTS = "adapter_model.safetensors";
const Q0 = "base_model.model.model.layers.0.self_attn.q_proj";
const { hiddenSize, heads, headDim } = goldenConfig;
const readFolder = (files: ReadonlyMap<string, Uint8Array>, model = goldenConfig) =>
  readLora(parseAdapterFolder(files), model);

/** The plain adapter's folder with its tensors changed. */
function withTensors(change: (tensors: Map<string, SafetensorsTensor>) => void): Map<string, Uint8Array> {
  const folder = goldenFolder("adapter");
  const { metadata, tensors } = parseSafetensors(folder.get(WEIGHTS)!);
  const changed = new Map(tensors);
  change(changed);
  return folder.set(WEIGHTS, writeSafetensors(changed, metadata));
}

const zeros = (shape: number[], dtype: "F32" | "F16" = "F32"): SafetensorsTensor => ({
  dtype,
  shape,
  bytes: fromF32(new Float32Array(shape.reduce((product, dim) => product * dim, 1)), dtype),
});

describe("reading what peft wrote", () => {
  test("the plain adapter: factors by path, transposed for the graph", () => {
    const { factors } = readFolder(goldenFolder("adapter"), goldenConfig);
    const names = ["self_attn.q_proj", "self_attn.v_proj", "mlp.down_proj"];
    const paths = Array.from({ length: goldenConfig.layers }, (_, layer) =>
      names.map((name) => `layers.${layer}.${name}`),
    );
    expect([...factors.keys()]).toEqual(paths.flat());
    const { a, b } = factors.get("layers.0.self_attn.q_proj")!;
    expect([a.shape, b.shape]).toEqual([
      [hiddenSize, 4],
      [4, heads * headDim],
    ]);
    const file = parseSafetensors(goldenFolder("adapter").get(WEIGHTS)!).tensors.get(`${Q0}.lora_A.weight`)!;
    const raw = new Float32Array(file.bytes.slice().buffer);
    expect(a.data[1 * 4 + 2]).toBe(raw[2 * hiddenSize + 1]);
  });

  test("ranks by module, and float16 under a regular expression", () => {
    const patterns = readFolder(goldenFolder("rslora-patterns"), goldenConfig).factors;
    const ranks = [...patterns].map(([path, { a }]) => [path.split(".").at(-1), path[7], a.shape[1]]);
    expect(ranks).toContainEqual(["k_proj", "0", 2]);
    expect(ranks).toContainEqual(["gate_proj", "1", 6]);
    expect(ranks).toContainEqual(["gate_proj", "0", 4]);
    const f16 = readFolder(goldenFolder("regex-targets-f16"), goldenConfig).factors;
    expect([...f16.keys()]).toEqual(["layers.1.self_attn.q_proj", "layers.1.self_attn.v_proj", "layers.1.mlp.up_proj"]);
  });
});

describe("canonicalLora", () => {
  test("folds α/√r and patterns by module into B and leaves A alone", () => {
    const adapter = readFolder(goldenFolder("rslora-patterns"));
    const { linears } = canonicalLora(adapter);
    const scaleOf = (path: string) => linears.get(path)!.b!.data[0]! / adapter.factors.get(path)!.b.data[0]!;
    const q0 = "layers.0.self_attn.q_proj";
    expect(linears.get(q0)!.a).toBe(adapter.factors.get(q0)!.a);
    expect(scaleOf(q0)).toBeCloseTo(8 / Math.sqrt(4), 6);
    expect(scaleOf("layers.0.self_attn.k_proj")).toBeCloseTo(4 / Math.sqrt(2), 6);
    expect(scaleOf("layers.1.mlp.gate_proj")).toBeCloseTo(8 / Math.sqrt(6), 6);
  });
});

describe("writing", () => {
  test("the same tensors as peft's file, and it reads the same", () => {
    const adapter = readFolder(goldenFolder("adapter"), goldenConfig);
    const written = writeLoraFolder(adapter, goldenConfig);
    const [ours, theirs] = [written, goldenFolder("adapter")].map((folder) => parseSafetensors(folder.get(WEIGHTS)!));
    expect(ours!.metadata).toEqual(theirs!.metadata);
    expect(ours!.tensors).toEqual(theirs!.tensors);
    expect(readFolder(written, goldenConfig)).toEqual(adapter);
  });

  test("every field of ours has the value that peft wrote for the same adapter", () => {
    const read = (folder: Map<string, Uint8Array>) =>
      JSON.parse(new TextDecoder().decode(folder.get("adapter_config.json")!)) as Record<string, unknown>;
    const ours = read(writeLoraFolder(readFolder(goldenFolder("adapter"), goldenConfig), goldenConfig));
    const theirs = read(goldenFolder("adapter"));
    for (const [field, value] of Object.entries(ours)) expect([field, value]).toEqual([field, theirs[field] ?? null]);
  });

  test("target modules are short names where these are exact, paths where they are not", () => {
    const adapter = readFolder(goldenFolder("adapter"), goldenConfig);
    const some = new Map([...adapter.factors].filter(([path]) => path !== "layers.1.self_attn.v_proj"));
    const written = writeLoraFolder({ ...adapter, factors: some }, goldenConfig);
    const config = JSON.parse(new TextDecoder().decode(written.get("adapter_config.json")!));
    expect(config.target_modules).toEqual(["down_proj", "layers.0.self_attn.v_proj", "q_proj"]);
    expect([...readFolder(written, goldenConfig).factors.keys()]).toEqual([...some.keys()]);
  });

  test("factors of another rank than the configuration's are a mistake of the caller's", () => {
    const adapter = readFolder(goldenFolder("adapter"), goldenConfig);
    const wrong = { ...adapter, config: { ...adapter.config, rank: 5 } };
    expect(() => writeLoraFolder(wrong, goldenConfig)).toThrow("do not have rank 5");
  });
});

describe("refusals name what is wrong", () => {
  const other = { ...goldenConfig, hiddenSize: hiddenSize * 2 };
  test.each<[string, () => Map<string, Uint8Array>, string]>([
    [
      "a missing tensor",
      () => withTensors((tensors) => tensors.delete(`${Q0}.lora_B.weight`)),
      `adapter_model.safetensors lacks the tensor ${Q0}.lora_B.weight`,
    ],
    [
      "a missing layer",
      () =>
        withTensors((tensors) => {
          tensors.delete(`${Q0}.lora_A.weight`);
          tensors.delete(`${Q0}.lora_B.weight`);
        }),
      `lacks the tensor ${Q0}.lora_A.weight`,
    ],
    [
      "an extra tensor",
      () => withTensors((tensors) => tensors.set("base_model.model.lm_head.lora_A.weight", zeros([4, 4]))),
      'the tensor "base_model.model.lm_head.lora_A.weight" belongs to no part of the adapter',
    ],
    [
      "an adapter's name in a key",
      () => withTensors((tensors) => tensors.set(`${Q0}.lora_A.default.weight`, zeros([4, 4]))),
      "belongs to no part of the adapter",
    ],
    [
      "a layer that is not named",
      () => withConfig(goldenFolder("adapter"), { target_modules: ["q_proj", "v_proj"] }),
      "there are tensors for layers.0.mlp.down_proj, which target_modules in adapter_config.json does not name",
    ],
    [
      "names that match nothing",
      () => withConfig(goldenFolder("adapter"), { target_modules: ["c_attn"] }),
      "target_modules in adapter_config.json (c_attn) names no layer of the base model",
    ],
    [
      "A of a wrong shape",
      () => withTensors((tensors) => tensors.set(`${Q0}.lora_A.weight`, zeros([4, 3]))),
      `the tensor ${Q0}.lora_A.weight has the shape [4, 3], but the base model needs [r, ${hiddenSize}]; was the adapter made for another base?`,
    ],
    [
      "a rank of 0",
      () => withTensors((tensors) => tensors.set(`${Q0}.lora_A.weight`, zeros([0, hiddenSize]))),
      `has the shape [0, ${hiddenSize}], but the base model needs [r, ${hiddenSize}]`,
    ],
    [
      "B of another rank",
      () => withTensors((tensors) => tensors.set(`${Q0}.lora_B.weight`, zeros([heads * headDim, 5]))),
      `has the shape [${heads * headDim}, 5], but the base model needs [${heads * headDim}, 4]`,
    ],
    [
      "integers",
      () =>
        withTensors((tensors) =>
          tensors.set(`${Q0}.lora_A.weight`, {
            dtype: "I32",
            shape: [4, hiddenSize],
            bytes: new Uint8Array(16 * hiddenSize),
          }),
        ),
      "is I32; an adapter is F32, F16 or BF16",
    ],
    [
      "NaN",
      () =>
        withTensors((tensors) =>
          tensors.set(`${Q0}.lora_B.weight`, {
            ...zeros([heads * headDim, 4]),
            bytes: fromF32(new Float32Array(heads * headDim * 4).fill(Number.NaN), "F32"),
          }),
        ),
      `adapter_model.safetensors has a tensor "${Q0}.lora_B.weight" whose element 0 is not a finite number`,
    ],
  ])("%s", (_name, make, message) => {
    expect(() => readFolder(make(), goldenConfig)).toThrow(message);
    expect(() => readFolder(make(), goldenConfig)).toThrow(
      expect.objectContaining({ name: "TrimtabError", code: "invalid_delta" }),
    );
  });

  test("a regular expression for targets is never run: the tensors say which layers", () => {
    const folder = withConfig(goldenFolder("adapter"), { target_modules: "(a+)+b" });
    expect(readFolder(folder, goldenConfig).factors.size).toBe(3 * goldenConfig.layers);
  });

  test("an adapter for another base", () => {
    expect(() => readFolder(goldenFolder("adapter"), other)).toThrow("was the adapter made for another base?");
    const fewer = { ...goldenConfig, layers: 1 };
    expect(() => readFolder(goldenFolder("adapter"), fewer)).toThrow(
      "belongs to no part of the adapter on this base model",
    );
  });

  test("every golden covers layers that exist", () => {
    const paths = new Set(linearModules(goldenConfig).map(({ path }) => path));
    for (const name of GOLDEN_ADAPTERS) {
      for (const path of readFolder(goldenFolder(name), goldenConfig).factors.keys()) expect(paths).toContain(path);
    }
  });
});
