import { describe, expect, it } from "vitest";
import { fromF32 } from "../../../../shared/formats/safetensors.ts";
import type { ModelConfig } from "../../../../shared/model/config.ts";
import { EMBEDDING, HEAD } from "../../../../shared/model/modules.ts";
import { parseAdapterFolder, readAdapterFolder } from "../../../../shared/peft/adapter-folder.ts";
import { AdapterTensors } from "../../../../shared/peft/adapter-tensors.ts";
import { ia3Format, takeScales, writeIa3Folder } from "../../../../shared/peft/ia3/format.ts";
import type { AdapterFolder } from "../../../../shared/peft/method.ts";
import {
  goldenFile,
  logitsOf,
  type PeftGolden,
  peftGolden,
  served,
  withConfig,
  withTensors,
} from "../../../support/peft-golden.ts";
import { largestDifference } from "../../model/golden-models.ts";

const FORMATS = new Map([["ia3", ia3Format]]);
const K0 = "base_model.model.model.layers.0.self_attn.k_proj.ia3_l";
const readScales = (folder: AdapterFolder, config: ModelConfig) =>
  takeScales(new AdapterTensors(folder.tensors), folder.config, config);
const plain = await peftGolden("ia3");
const read = ({ base }: PeftGolden, folder: ReadonlyMap<string, Uint8Array>) =>
  readAdapterFolder(folder, base, FORMATS);
const stored = (shape: number[], value = 1) => ({
  dtype: "F32" as const,
  shape,
  bytes: fromF32(new Float32Array(shape.reduce((product, dim) => product * dim, 1)).fill(value), "F32"),
});

describe("folders by peft", () => {
  it.each(["ia3", "ia3-qwen2", "ia3-outputs", "ia3-regex"])("are served as peft computes: %s", async (name) => {
    const golden = await peftGolden(name);
    const { method, delta, parameters } = await read(golden, golden.folder);
    expect([method, parameters]).toEqual(["ia3", golden.json.trainableParameters]);
    const logits = await logitsOf(golden, served(golden.config, delta));
    expect(largestDifference(logits, golden.json.logits.data)).toBeLessThan(1e-4);
  });

  it("are rejected for inputs that have no equivalent output", async () => {
    const golden = await peftGolden("ia3-inputs-qwen2");
    await expect(read(golden, golden.folder)).rejects.toMatchObject({
      code: "invalid_delta",
      message:
        "the adapter scales the input of layers.0.self_attn.q_proj; only the inputs of `down_proj`, and of `o_proj` in models whose query heads all have their own values, can be scaled by a delta",
    });
  });

  it.each([
    { feedforward_modules: null },
    { feedforward_modules: String.raw`.*\.mlp\..*` },
    { feedforward_modules: ["mlp.down_proj", "n_proj"] },
    { target_modules: String.raw`.*\.(k|v|down)_proj` },
    { target_modules: "all-linear", exclude_modules: ["q_proj", "o_proj", "gate_proj", "up_proj"] },
    { task_type: null, auto_mapping: { base_model_class: "LlamaForCausalLM" } },
  ])("read the same with %j", async (changes) => {
    const { delta } = await read(plain, withConfig(plain.folder, changes));
    expect(delta).toEqual((await read(plain, plain.folder)).delta);
  });

  it("may scale the head's output, beside which peft saves the base's own matrix", async () => {
    const { vocabSize, hiddenSize } = plain.config;
    const withHead = (matrix: Float32Array) =>
      withTensors(
        withConfig(plain.folder, { target_modules: ["k_proj", "v_proj", "down_proj", "lm_head"] }),
        (tensors) => {
          tensors.set("base_model.model.lm_head.ia3_l", stored([vocabSize, 1], 2));
          const bytes = fromF32(matrix, "F32");
          tensors.set("base_model.model.lm_head.base_layer.weight", {
            dtype: "F32",
            shape: [vocabSize, hiddenSize],
            bytes,
          });
        },
      );
    const { delta } = await read(plain, withHead(plain.weights.get(HEAD)!.data));
    const { delta: without } = await read(plain, plain.folder);
    const doubled = (await logitsOf(plain, served(plain.config, without))).map((logit) => 2 * logit);
    expect(largestDifference(await logitsOf(plain, served(plain.config, delta)), doubled)).toBeLessThan(1e-4);
    await expect(read(plain, withHead(plain.weights.get(EMBEDDING)!.data))).rejects.toThrow(
      "base_model.model.lm_head.base_layer.weight differs from the base model's",
    );
  });
});

describe("writeIa3Folder", () => {
  it.each(["ia3", "ia3-qwen2", "ia3-outputs", "ia3-regex"])("writes the tensors that peft wrote: %s", async (name) => {
    const golden = await peftGolden(name);
    const { scales, values } = readScales(parseAdapterFolder(golden.folder), golden.config);
    const written = writeIa3Folder(scales, values, { model: golden.config, baseModel: "tiny" });
    const own = parseAdapterFolder(written);
    const theirs = goldenFile(name, "adapter_model.safetensors");
    expect([...own.tensors.keys()].sort()).toEqual([...theirs.keys()].sort());
    for (const [key, { shape, bytes }] of own.tensors) {
      expect(shape).toEqual(theirs.get(key)!.shape);
      expect(new Uint8Array(bytes)).toEqual(fromF32(theirs.get(key)!.data, "F32"));
    }
    expect(readScales(own, golden.config)).toEqual({ scales, values });
  });

  it("uses the shortest names, and lists layers scaled at their input twice", async () => {
    const config = async (name: string) => {
      const golden = await peftGolden(name);
      const { scales, values } = readScales(parseAdapterFolder(golden.folder), golden.config);
      return parseAdapterFolder(writeIa3Folder(scales, values, { model: golden.config, baseModel: "tiny" })).config;
    };
    expect(await config("ia3")).toEqual({
      auto_mapping: null,
      base_model_name_or_path: "tiny",
      exclude_modules: null,
      fan_in_fan_out: false,
      feedforward_modules: ["down_proj"],
      inference_mode: true,
      init_ia3_weights: true,
      modules_to_save: null,
      peft_type: "IA3",
      revision: null,
      target_modules: ["down_proj", "k_proj", "v_proj"],
      task_type: "CAUSAL_LM",
    });
    expect(await config("ia3-outputs")).toMatchObject({ feedforward_modules: [] });
    expect(await config("ia3-regex")).toMatchObject({
      feedforward_modules: ["layers.1.mlp.down_proj"],
      target_modules: ["layers.1.mlp.down_proj", "layers.1.mlp.up_proj", "layers.1.self_attn.v_proj"],
    });
  });
});

describe("errors name what is wrong", () => {
  const kv = plain.config.kvHeads * plain.config.headDim;
  it.each<[string, () => ReadonlyMap<string, Uint8Array>, string]>([
    ["a missing tensor", () => withTensors(plain.folder, (t) => t.delete(K0)), `lacks the tensor ${K0}`],
    [
      "a tensor of a layer that is not named",
      () => withConfig(plain.folder, { target_modules: ["v_proj", "down_proj"] }),
      "there are tensors for layers.0.self_attn.k_proj, but target_modules in adapter_config.json does not include it",
    ],
    [
      "a tensor of no layer",
      () => withTensors(plain.folder, (t) => t.set("base_model.model.model.norm.ia3_l", stored([32, 1]))),
      'the tensor "base_model.model.model.norm.ia3_l" matches no part of the adapter on this base model',
    ],
    [
      "another base's shape",
      () => withTensors(plain.folder, (t) => t.set(K0, stored([kv + 2, 1]))),
      `the tensor ${K0} has shape [${kv + 2}, 1], but the base model needs [${kv}, 1]; was the adapter made for another base?`,
    ],
    [
      "a shape that the configuration contradicts",
      () => withConfig(plain.folder, { feedforward_modules: [] }),
      "has shape [1, 64], but the base model needs [32, 1]",
    ],
    [
      "NaN",
      () => withTensors(plain.folder, (t) => t.set(K0, stored([kv, 1], Number.NaN))),
      "whose element 0 is not finite",
    ],
    [
      "names of no layer",
      () =>
        withConfig(
          withTensors(plain.folder, (t) => t.clear()),
          { target_modules: ["c_attn"] },
        ),
      "target_modules in adapter_config.json (c_attn) matches no layer of the base model",
    ],
    ["no tensor", () => withTensors(plain.folder, (t) => t.clear()), `lacks the tensor ${K0}`],
    [
      "no modules",
      () => withConfig(plain.folder, { target_modules: null }),
      "adapter_config.json: target_modules must be a string or a list",
    ],
    [
      "a pattern that a layer without a tensor fits",
      () => withConfig(plain.folder, { target_modules: ".*_proj" }),
      "lacks the tensor base_model.model.model.layers.0.self_attn.q_proj.ia3_l",
    ],
    [
      "an unsupported pattern",
      () => withConfig(plain.folder, { exclude_modules: "(" }),
      'adapter_config.json: exclude_modules has an unsupported pattern: "("',
    ],
    [
      "other layers saved whole",
      () => withConfig(plain.folder, { modules_to_save: ["lm_head"] }),
      "adapter_config.json: modules_to_save is not supported with this peft_type; train [lm_head] with LoRA or DoRA, or not at all",
    ],
    [
      "another task",
      () => withConfig(plain.folder, { task_type: "SEQ_CLS" }),
      'task_type is not supported; must be "CAUSAL_LM" or null',
    ],
  ])("%s", async (_name, folder, message) => {
    await expect(read(plain, folder())).rejects.toMatchObject({
      code: "invalid_delta",
      message: expect.stringContaining(message),
    });
  });
});
