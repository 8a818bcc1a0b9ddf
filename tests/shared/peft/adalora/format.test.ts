import { describe, expect, it } from "vitest";
import { fromF32 } from "../../../../shared/formats/safetensors.ts";
import { adaLoraFormat, livingRanks, readAdaLora, writeAdaLoraFolder } from "../../../../shared/peft/adalora/format.ts";
import { parseAdapterFolder, readAdapterFolder } from "../../../../shared/peft/adapter-folder.ts";
import { f32 } from "../../../../shared/tensor.ts";
import { goldenFile, logitsOf, peftGolden, served, withConfig, withTensors } from "../../../support/peft-golden.ts";
import { largestDifference } from "../../model/golden-models.ts";
import { goldenSettings } from "./golden.ts";

const whole = await peftGolden("adalora");
const pruned = await peftGolden("adalora-pruned");
const beside = await peftGolden("adalora-biases-head");
const formats = new Map([["adalora", adaLoraFormat]]);
const read = (folder: ReadonlyMap<string, Uint8Array>) => readAdapterFolder(folder, pruned.base, formats);
const layersOf = (folder: ReadonlyMap<string, Uint8Array>) => readAdaLora(parseAdapterFolder(folder), pruned.config);
const jsonOf = (folder: ReadonlyMap<string, Uint8Array>) =>
  JSON.parse(new TextDecoder().decode(folder.get("adapter_config.json")!)) as Record<string, unknown>;
const { rank_pattern: pattern } = jsonOf(pruned.folder) as { rank_pattern: Record<string, boolean[]> };
const Q0 = "base_model.model.model.layers.0.self_attn.q_proj";

describe("reading what peft wrote", () => {
  it.each([
    ["every rank", whole],
    ["a rank pattern, a layer without any rank", pruned],
    ["the head, with a copy of its weight, and biases beside", beside],
  ])("serves peft's logits: %s", async (_what, golden) => {
    const adapter = await readAdapterFolder(golden.folder, golden.base, formats);
    expect(adapter.method).toBe("adalora");
    expect(adapter.parameters).toBe(golden.json.trainableParameters);
    const logits = await logitsOf(golden, served(golden.config, adapter.delta));
    expect(largestDifference(logits, golden.json.logits.data)).toBeLessThan(1e-4);
  });

  it("leaves out layers without ranks, and keeps the scale of the rank at the beginning", async () => {
    const { delta } = await read(pruned.folder);
    const ranks = [...delta.linears].map(([path, { a, b }]) => [path, a!.shape[1], b!.shape[0]]);
    expect(ranks).toEqual([
      ["layers.0.self_attn.q_proj", 3, 3],
      ["layers.0.self_attn.v_proj", 4, 4],
      ["layers.1.self_attn.q_proj", 1, 1],
      ["layers.1.self_attn.v_proj", 2, 2],
      ["layers.1.mlp.down_proj", 2, 2],
    ]);
    expect(layersOf(pruned.folder).layers.get("layers.0.mlp.down_proj")!.a.shape).toEqual([64, 0]);
    expect(layersOf(pruned.folder).scale).toBe(6 / (4 + 1e-5));
  });

  it("uses the rank if alpha is not positive, as peft does", () => {
    expect(layersOf(withConfig(whole.folder, { lora_alpha: 0 })).scale).toBe(4 / (4 + 1e-5));
    expect(layersOf(withConfig(whole.folder, { lora_alpha: -1 })).scale).toBe(4 / (4 + 1e-5));
  });

  it("ignores fields of LoRA's that peft's AdaLoRA does not use, and how it was trained", () => {
    const changes = { r: 64, use_rslora: true, alpha_pattern: { q_proj: 2 }, beta1: 0.5, total_step: 9 };
    expect(layersOf(withConfig(whole.folder, changes))).toEqual(layersOf(whole.folder));
  });

  it.each([
    { target_modules: ".*(q|v|down)_proj" },
    { target_modules: ["q_proj", "v_proj", "mlp.down_proj", "o_proj"], exclude_modules: ".*o_proj" },
    { layers_to_transform: [0, 1], layers_pattern: "layers" },
    { layers_to_transform: [], layers_pattern: "" },
    // A module named by its whole path is selected whatever its block.
    {
      target_modules: ["q_proj", "v_proj", "model.layers.0.mlp.down_proj", "model.layers.1.mlp.down_proj"],
      layers_to_transform: [0, 1],
    },
    {
      target_modules: [0, 1].flatMap((layer) =>
        ["self_attn.q_proj", "self_attn.v_proj", "mlp.down_proj"].map((name) => `model.layers.${layer}.${name}`),
      ),
      layers_to_transform: 0,
    },
  ])("knows its layers by %j", (changes) => {
    expect(layersOf(withConfig(pruned.folder, changes))).toEqual(layersOf(pruned.folder));
  });
});

describe("writing", () => {
  const options = { settings: goldenSettings, totalSteps: 12, model: whole.config, baseModel: "tiny-llama-plain" };

  it.each([
    ["every rank", whole, "adalora"],
    ["a rank pattern", pruned, "adalora-pruned"],
  ])("gives peft's tensors and fields back: %s", (_what, golden, name) => {
    const { rank_pattern: kept } = jsonOf(golden.folder) as { rank_pattern: Record<string, boolean[]> | null };
    // The ranks before peft removed them: E is 0 where the pattern is false.
    const layers = new Map(
      [...layersOf(golden.folder).layers].map(([path, factors]) => {
        const flags = kept?.[`model.${path}.lora_E`] ?? [true, true, true, true];
        return [path, widened(factors, flags)] as const;
      }),
    );
    const written = writeAdaLoraFolder(layers, options);
    expect(layersOf(written)).toEqual(layersOf(golden.folder));
    const tensors = parseAdapterFolder(written).tensors;
    expect(tensors).toEqual(parseAdapterFolder(golden.folder).tensors);
    expect([...tensors.keys()].sort()).toEqual([...goldenFile(name, "adapter_model.safetensors").keys()].sort());
    const theirs = jsonOf(golden.folder);
    for (const [field, value] of Object.entries(jsonOf(written))) {
      expect([field, value]).toEqual([field, theirs[field]]);
    }
  });

  it("drops ranks whose E is 0, at any position", () => {
    const factors = { a: f32([2, 3], [1, 2, 3, 4, 5, 6]), e: f32([3], [7, 0, 8]), b: f32([3, 2], [1, 2, 3, 4, 5, 6]) };
    expect(livingRanks(factors)).toEqual({
      a: f32([2, 2], [1, 3, 4, 6]),
      e: f32([2], [7, 8]),
      b: f32([2, 2], [1, 2, 5, 6]),
    });
  });
});

type Factors = Parameters<typeof livingRanks>[0];

/** The factors with a rank of zeros for every false flag. */
function widened({ a, e, b }: Factors, flags: readonly boolean[]): Factors {
  const [inSize, rank] = a.shape as [number, number];
  const out = b.shape[1]!;
  let next = 0;
  const from = flags.map((flag) => (flag ? next++ : -1));
  const at = (data: Float32Array, index: number) => (index < 0 ? 0 : data[index]!);
  return {
    a: f32(
      [inSize, flags.length],
      Array.from({ length: inSize }, (_, row) => from.map((i) => at(a.data, i < 0 ? -1 : row * rank + i))).flat(),
    ),
    e: f32(
      [flags.length],
      from.map((i) => at(e.data, i)),
    ),
    b: f32(
      [flags.length, out],
      from.flatMap((i) => Array.from({ length: out }, (_, column) => at(b.data, i < 0 ? -1 : i * out + column))),
    ),
  };
}

describe("errors say what is wrong", () => {
  const changed = (changes: Record<string, unknown>) => withConfig(pruned.folder, changes);
  const withPattern = (changes: Record<string, boolean[]>) => changed({ rank_pattern: { ...pattern, ...changes } });

  it.each<[string, () => Map<string, Uint8Array>, string]>([
    ["no init_r", () => changed({ init_r: undefined }), "adapter_config.json: init_r"],
    ["biases of another kind", () => changed({ bias: "some" }), "adapter_config.json: bias"],
    [
      "a head that is not the base's",
      () =>
        withTensors(pruned.folder, (all) => {
          const size = pruned.config.vocabSize * pruned.config.hiddenSize;
          const bytes = fromF32(new Float32Array(size), "F32");
          all.set("base_model.model.lm_head.weight", { dtype: "F32", shape: [96, 32], bytes });
        }),
      "the tensor base_model.model.lm_head.weight differs from the base model's",
    ],
    ["another task", () => changed({ task_type: "SEQ_CLS" }), "task_type is not supported"],
    ["whole modules", () => changed({ modules_to_save: ["lm_head"] }), "modules_to_save is not supported"],
    ["an unknown field", () => changed({ something_new: 1 }), "something_new is not supported"],
    ["ranks of LoRA's", () => changed({ rank_pattern: { q_proj: 4 } }), "adapter_config.json: rank_pattern.q_proj"],
    [
      "a pattern of another length",
      () => withPattern({ "model.layers.0.self_attn.q_proj.lora_E": [true] }),
      'rank_pattern in adapter_config.json has 1 entries for "model.layers.0.self_attn.q_proj.lora_E", but init_r is 4',
    ],
    [
      "a pattern of a layer that is not there",
      () => withPattern({ "model.layers.7.self_attn.q_proj.lora_E": [true, true, true, true] }),
      'rank_pattern in adapter_config.json has "layers.7.self_attn.q_proj", which is not a layer of the adapter',
    ],
    [
      "a pattern of another tensor",
      () => withPattern({ "model.layers.0.self_attn.q_proj.lora_A": [true, true, true, true] }),
      '"model.layers.0.self_attn.q_proj.lora_A", which is not a layer of the adapter',
    ],
    [
      "tensors that the pattern does not fit",
      () => changed({ rank_pattern: null }),
      "the tensors of layers.0.self_attn.q_proj have rank 3, but adapter_config.json gives 4 (init_r and rank_pattern)",
    ],
    [
      "a tensor of another layer's size",
      () => withTensors(pruned.folder, (all) => all.set(`${Q0}.lora_B`, all.get(`${Q0}.lora_A`)!)),
      `the tensor ${Q0}.lora_B has shape [3, 32], but the base model needs [32, 3]`,
    ],
    ["no layer", () => changed({ target_modules: ["c_attn"] }), "(c_attn) matches no layer of the base model"],
    [
      "a layer that is named and has no tensor",
      () => changed({ target_modules: ".*_proj" }),
      "lacks the tensor base_model.model.model.layers.0.self_attn.k_proj.lora_A",
    ],
    [
      "an unsupported pattern",
      () => changed({ exclude_modules: "(a)\\1" }),
      "adapter_config.json: exclude_modules has an unsupported pattern",
    ],
    [
      "a layer that is not named",
      () => changed({ target_modules: ["q_proj", "v_proj"] }),
      "there are tensors for layers.0.mlp.down_proj, but target_modules in adapter_config.json does not include it",
    ],
    [
      "a missing tensor",
      () => withTensors(pruned.folder, (tensors) => tensors.delete(`${Q0}.lora_E`)),
      `lacks the tensor ${Q0}.lora_E`,
    ],
    [
      "a tensor too many",
      () =>
        withTensors(pruned.folder, (all) =>
          all.set("x", { dtype: "F32", shape: [1], bytes: fromF32(Float32Array.of(1), "F32") }),
        ),
      'the tensor "x" matches no part of the adapter',
    ],
    [
      "a value that is not finite",
      () =>
        withTensors(pruned.folder, (all) =>
          all.set(`${Q0}.lora_E`, {
            dtype: "F32",
            shape: [3, 1],
            bytes: fromF32(Float32Array.of(1, Number.NaN, 1), "F32"),
          }),
        ),
      "whose element 1 is not finite",
    ],
  ])("%s", async (_name, make, message) => {
    await expect(read(make())).rejects.toMatchObject({
      name: "TrimtabError",
      code: "invalid_delta",
      message: expect.stringContaining(message),
    });
  });

  it("an adapter for another base", async () => {
    const fewer = { config: { ...pruned.config, layers: 1 }, weight: pruned.base.weight };
    await expect(readAdapterFolder(whole.folder, fewer, formats)).rejects.toThrow("matches no part of the adapter");
  });
});
