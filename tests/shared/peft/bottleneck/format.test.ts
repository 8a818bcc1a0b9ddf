import { describe, expect, it } from "vitest";
import {
  fromF32,
  parseSafetensors,
  type SafetensorsTensor,
  writeSafetensors,
} from "../../../../shared/formats/safetensors.ts";
import { readAdapterFolder } from "../../../../shared/peft/adapter-folder.ts";
import { attachBottleneck } from "../../../../shared/peft/bottleneck/attach.ts";
import { readBottlenecks, writeBottleneckFolder } from "../../../../shared/peft/bottleneck/format.ts";
import { bottleneckResult } from "../../../../shared/peft/bottleneck/publish.ts";
import { bnConfigOf } from "../../../../shared/peft/bottleneck/settings.ts";
import { ADAPTER_FORMATS } from "../../../../shared/peft/registry.ts";
import { adapterOf } from "../../../support/peft.ts";
import { logitsOf, served } from "../../../support/peft-golden.ts";
import { largestDifference } from "../../../trainer/golden-llama.ts";
import {
  bottleneckFolder,
  bottleneckGolden,
  GOLDEN_NAMES,
  goldenTensorsOf,
  settingsFor,
} from "./golden-bottlenecks.ts";

const { config, weights, base } = await bottleneckGolden("houlsby");
const CONFIG = "adapter_config.json";
const WEIGHTS = "adapter.safetensors";
type Folder = Map<string, Uint8Array>;
type Json = Record<string, unknown> & { config: Record<string, unknown> };

const read = (files: ReadonlyMap<string, Uint8Array>) => readAdapterFolder(files, base, ADAPTER_FORMATS);
const jsonOf = (folder: Folder) => JSON.parse(new TextDecoder().decode(folder.get(CONFIG)!)) as Json;
const withJson = (folder: Folder, changes: (json: Json) => object): Folder => {
  const json = jsonOf(folder);
  return new Map(folder).set(CONFIG, new TextEncoder().encode(JSON.stringify({ ...json, ...changes(json) })));
};
const withTensors = (folder: Folder, change: (tensors: Map<string, SafetensorsTensor>) => void): Folder => {
  const tensors = new Map(parseSafetensors(folder.get(WEIGHTS)!).tensors);
  change(tensors);
  return new Map(folder).set(WEIGHTS, writeSafetensors(tensors, {}));
};

describe.each(GOLDEN_NAMES)("AdapterHub's %s", (name) => {
  it("is served with its logits", async () => {
    const golden = await bottleneckGolden(name);
    const adapter = await read(bottleneckFolder(name));
    expect(adapter).toMatchObject({ method: "bottleneck", parameters: golden.json.trainableParameters });
    expect([...adapter.files.keys()]).toEqual([CONFIG, WEIGHTS]);
    const logits = await logitsOf(golden, served(config, adapter.delta));
    expect(largestDifference(logits, golden.json.logits.data)).toBeLessThan(2e-5);
  });

  it("survives a round trip through its folder", async () => {
    const settings = settingsFor(name);
    const values = goldenTensorsOf(name);
    const publish = { config, settings, seed: 1, values, weights, base: { id: "tiny", files: new Map() } };
    const adapter = await adapterOf(bottleneckResult, publish);
    expect(await read(adapter.files)).toEqual(adapter);
    expect(adapter.delta).toEqual((await read(bottleneckFolder(name))).delta);
    const { parameters } = attachBottleneck({ config, weights, seed: 1, settings, encode: () => [], param: "peft" });
    expect(adapter.parameters).toBe(parameters.reduce((sum, { shape }) => sum + shape.reduce((n, d) => n * d, 1), 0));
  });
});

describe("the written folder", () => {
  const written = (name: Parameters<typeof settingsFor>[0]) => {
    const adapter = readBottlenecks(
      {
        config: jsonOf(bottleneckFolder(name)),
        tensors: parseSafetensors(bottleneckFolder(name).get(WEIGHTS)!).tensors,
      },
      config,
    );
    return writeBottleneckFolder(adapter, { bn: bnConfigOf(settingsFor(name)), model: config, baseModel: "tiny" });
  };

  it("has AdapterHub's fields, except those for disabled features", () => {
    for (const name of GOLDEN_NAMES) {
      const theirs = jsonOf(bottleneckFolder(name));
      const { config: ours, ...rest } = jsonOf(written(name));
      for (const [field, value] of Object.entries(ours)) {
        const wanted = field === "non_linearity" ? (settingsFor(name).non_linearity ?? value) : theirs.config[field];
        expect(value, field).toEqual(wanted);
      }
      expect(rest).toEqual({
        hidden_size: 32,
        model_class: "LlamaForCausalLM",
        model_name: "tiny",
        model_type: "llama",
        name: "trimtab",
        version: "adapters.1.3.0",
      });
    }
  });

  it("writes an integral factor with a decimal point, which `adapters` needs", () => {
    const text = (name: Parameters<typeof written>[0]) => new TextDecoder().decode(written(name).get(CONFIG)!);
    expect(text("parallel")).toContain('"scaling": 4.0,');
    expect(text("houlsby")).toContain('"scaling": 1.0,');
    expect(text("residual")).toContain('"scaling": 0.5,');
    expect(text("learned")).toContain('"scaling": "learned",');
  });
});

describe("other ways to save the same", () => {
  it("accepts a bare decoder's keys, any adapter name and half precision", async () => {
    const folder = withTensors(bottleneckFolder("houlsby"), (tensors) => {
      for (const [key, tensor] of [...tensors]) {
        tensors.delete(key);
        tensors.set(key.replace(/^model\./, "").replace(".adapters.bn.", ".adapters.my-task."), tensor);
      }
    });
    const { delta } = await read(withJson(folder, () => ({ name: "my-task" })));
    expect(delta).toEqual((await read(bottleneckFolder("houlsby"))).delta);
    const half = withTensors(bottleneckFolder("houlsby"), (tensors) => {
      for (const [key, { shape, bytes }] of [...tensors]) {
        const values = new Float32Array(bytes.slice().buffer);
        tensors.set(key, { dtype: "BF16", shape, bytes: fromF32(values, "BF16") });
      }
    });
    expect((await read(half)).parameters).toBe(1168);
  });

  it("accepts AdapterHub's interface file if it matches the decoder", async () => {
    const saved = (parts: object) =>
      new Map(bottleneckFolder("houlsby")).set(
        "adapter_interface.json",
        new TextEncoder().encode(JSON.stringify({ interface: parts })),
      );
    const own = {
      model_layers: "layers",
      layer_self_attn: "self_attn",
      attn_o_proj: "o_proj",
      layer_output_proj: "mlp.down_proj",
      layer_pre_self_attn: "input_layernorm",
      layer_pre_ffn: "post_attention_layernorm",
    };
    expect(await read(saved(own))).toEqual(await read(bottleneckFolder("houlsby")));
    await expect(read(saved({ ...own, layer_pre_ffn: "mlp" }))).rejects.toThrow("layer_pre_ffn must be");
  });

  it("accepts a configuration without the fields that have defaults", async () => {
    const folder = withJson(bottleneckFolder("houlsby"), ({ config: bn }) => {
      const { mh_adapter, output_adapter, reduction_factor } = bn;
      const kept = { mh_adapter, output_adapter, reduction_factor, non_linearity: "SWISH" };
      return { config: kept, hidden_size: undefined };
    });
    expect((await read(folder)).delta).toEqual((await read(bottleneckFolder("houlsby"))).delta);
  });
});

describe("rejected folders", () => {
  const K = "model.layers.0.output_adapters.adapters.bn";
  const field = (name: string, value: unknown) => (folder: Folder) =>
    withJson(folder, ({ config: bn }) => ({ config: { ...bn, [name]: value } }));
  const tensor = (change: (tensors: Map<string, SafetensorsTensor>) => void) => (folder: Folder) =>
    withTensors(folder, change);

  it.each<[string, (folder: Folder) => Folder, string]>([
    ["a norm before", field("ln_before", true), "ln_before must be false: adapters with their own norm"],
    ["a norm after", field("ln_after", true), "ln_after must be false"],
    ["a gate", field("use_gating", true), "AdapterHub's gates average over the whole text, including later tokens"],
    ["gelu", field("non_linearity", "gelu"), "non_linearity must be relu, swish or silu"],
    [
      "hypercomplex layers",
      field("phm_layer", true),
      "phm_layer is not supported; must be absent, null, false or empty",
    ],
    ["an invertible adapter", field("inv_adapter", "nice"), "inv_adapter is not supported"],
    ["cross attention", field("cross_adapter", true), "cross_adapter is not supported"],
    ["a field that nobody knows", field("twist", 3), "adapter_config.json: twist is not supported"],
    ["a residual after a norm", field("residual_before_ln", "post_add"), "residual_before_ln must be true or false"],
    ["a stream that is lost", field("original_ln_after", false), "original_ln_after drops the stream"],
    [
      "another method of AdapterHub",
      (folder) => withJson(folder, () => ({ config: { architecture: "lora", r: 8, alpha: 8 } })),
      'AdapterHub\'s "lora" is not supported, only its `bottleneck`',
    ],
    ["no widths", field("reduction_factor", { 0: 2 }), "reduction_factor has no entry for layer 1 and no default"],
    ["no layer", field("leave_out", [0, 1]), "leave_out leaves no layer with an adapter"],
    ["another width", field("reduction_factor", 4), "has shape [4, 32], but the base model needs [8, 32]"],
    ["another base", (folder) => withJson(folder, () => ({ hidden_size: 64 })), "for a model of width 64"],
    ["no name", (folder) => withJson(folder, () => ({ name: "" })), "adapter_config.json: name "],
    ["another name", (folder) => withJson(folder, () => ({ name: "x" })), "lacks the tensor"],
    [
      "a tensor too few",
      tensor((all) => all.delete(`${K}.adapter_up.bias`)),
      `${WEIGHTS} lacks the tensor ${K}.adapter_up`,
    ],
    [
      "a tensor too many",
      tensor((all) => all.set(`${K}.scaling`, { dtype: "F32", shape: [1], bytes: new Uint8Array(4) })),
      `the tensor "${K}.scaling" matches no part of the adapter`,
    ],
    [
      "a tensor that is not finite",
      tensor((all) => all.get(`${K}.adapter_up.bias`)!.bytes.fill(0xff)),
      `has a tensor "${K}.adapter_up.bias" whose element 0 is not finite`,
    ],
    ["no tensor", tensor((all) => all.clear()), "the adapter has no tensor"],
    [
      "an encoder's layers",
      tensor((all) => {
        const value = all.get(`${K}.adapter_up.bias`)!;
        all.clear();
        all.set("bert.encoder.layer.0.x", value);
      }),
      'the tensor "bert.encoder.layer.0.x" matches no layer',
    ],
    [
      "peft's name for the file",
      (folder) => {
        const changed = new Map(folder).set("adapter_model.safetensors", folder.get(WEIGHTS)!);
        changed.delete(WEIGHTS);
        return changed;
      },
      "the folder lacks adapter.safetensors",
    ],
    [
      "both names for the file",
      (folder) => new Map(folder).set("adapter_model.safetensors", folder.get(WEIGHTS)!),
      "the folder contains both adapter.safetensors and adapter_model.safetensors; remove the second",
    ],
    ["AdapterHub's pickle", (folder) => new Map(folder).set("pytorch_adapter.bin", new Uint8Array(1)), "is a pickle"],
  ])("%s", async (_name, change, message) => {
    const reading = read(change(bottleneckFolder("houlsby")));
    await expect(reading).rejects.toThrow(expect.objectContaining({ code: "invalid_delta" }));
    await expect(reading).rejects.toThrow(message);
  });
});
