import { describe, expect, it, vi } from "vitest";
import { MANIFEST_FILE, parseManifest } from "../../shared/delta/manifest.ts";
import { canonicalTensors, decodeCanonical, SERVING_FILE } from "../../shared/delta/serving-file.ts";
import { loadModelFolder } from "../../shared/model/model-folder.ts";
import { continuedAdapters, continuedValues, settingsOfAdapters } from "../../shared/package/continued-adapters.ts";
import { attachMethods } from "../../shared/peft/combine.ts";
import { ChosenSettings, type PeftChoice } from "../../shared/peft/presets.ts";
import { PEFT_METHODS, type PeftType } from "../../shared/peft/registry.ts";
import { f32, type Tensor } from "../../shared/tensor.ts";
import { publishResult } from "../../trainer/recipes/result.ts";
import { moved, settingsOf } from "../support/peft.ts";
import { tinyModel } from "../trainer/tiny-model.ts";
import { PEFT_CASES } from "./peft-cases.ts";

vi.setConfig({ testTimeout: 120_000 });

const files = tinyModel();
const { config, weights } = loadModelFolder(files);
const param = "method.supervised.peft";

type Values = ReadonlyMap<string, Tensor<"f32">>;

const firstValues = (settings: PeftChoice): Values =>
  attachMethods({ config, weights, settings, seed: 7, encode: () => [1, 2, 3, 4], param }).initial;

async function published(settings: PeftChoice, values: Values) {
  const provenance = {
    base_model: "tiny",
    base_digest: "b".repeat(64),
    tokenizer_digest: "c".repeat(64),
    data_digests: [],
    metrics: {},
    parents: [],
    created_at: 1_700_000_000,
  };
  const base = { id: "tiny", files };
  const trained = { config, settings, seed: 1, values, weights, base, totalSteps: 20 };
  return (await publishResult(trained, provenance)).files;
}

/** What a run with `settings` would start with from the delta. */
function resumed(delta: ReadonlyMap<string, Uint8Array>, settings: PeftChoice): Promise<Values> {
  const manifest = parseManifest(delta.get(MANIFEST_FILE)!);
  return continuedValues({ files: delta, manifest, config, weights, settings, param, initial: firstValues(settings) });
}

function statedBy(delta: ReadonlyMap<string, Uint8Array>): PeftChoice {
  return settingsOfAdapters(continuedAdapters(delta, parseManifest(delta.get(MANIFEST_FILE)!)), config);
}

function expectSameDelta(one: ReadonlyMap<string, Uint8Array>, other: ReadonlyMap<string, Uint8Array>, most = 0): void {
  const tensors = (delta: ReadonlyMap<string, Uint8Array>) =>
    new Map(canonicalTensors(decodeCanonical(delta.get(SERVING_FILE)!, config)));
  const [left, right] = [tensors(one), tensors(other)];
  expect([...left.keys()]).toEqual([...right.keys()]);
  for (const [name, { data }] of left) {
    const worst = data.reduce((found, value, at) => Math.max(found, Math.abs(value - right.get(name)!.data[at]!)), 0);
    expect(worst, name).toBeLessThanOrEqual(most);
  }
}

const adapterFiles = (delta: ReadonlyMap<string, Uint8Array>) =>
  [...delta].filter(([name]) => name !== MANIFEST_FILE && name !== SERVING_FILE);

const cases = (Object.keys(PEFT_CASES) as PeftType[]).flatMap((type) =>
  PEFT_CASES[type].map(({ settings }) => ({ name: `${type} ${JSON.stringify(settings)}`, type, given: settings })),
);
const adapters = cases.filter(({ type }) => "resume" in PEFT_METHODS[type]);
/** What a network made is published without the network. */
const throughNetwork = ({ given }: { given: object }) => "prefix_projection" in given;

it("every method that publishes adapters can go on from them", () => {
  const methods = Object.entries(PEFT_METHODS).filter(([, { result }]) => result.kind === "adapter");
  expect(methods.map(([type]) => type)).toEqual([...new Set(adapters.map(({ type }) => type))]);
});

describe.each(adapters.filter((one) => !throughNetwork(one)))("$name", ({ type, given }) => {
  const settings = settingsOf({ type, ...given });

  it("publishes the same bytes from what it read of its files", async () => {
    const delta = await published(settings, moved(firstValues(settings)));
    const again = await published(settings, await resumed(delta, settings));
    expect(adapterFiles(again)).toEqual(adapterFiles(delta));
    expect(again.get(SERVING_FILE)).toEqual(delta.get(SERVING_FILE));
  });

  it("takes the settings that the files state", async () => {
    const delta = await published(settings, moved(firstValues(settings)));
    const stated = statedBy(delta);
    expect(stated).toMatchObject({ type });
    expectSameDelta(await published(stated, await resumed(delta, stated)), delta);
  });
});

describe("adapters that are not the asked ones", () => {
  const from = async (first: object, then: object | readonly object[]) => {
    const settings = settingsOf(first);
    const delta = await published(settings, moved(firstValues(settings)));
    return resumed(delta, Array.isArray(then) ? then.map(settingsOf) : settingsOf(then));
  };
  const lora = { type: "lora", r: 2, target_modules: ["q_proj", "v_proj"] };

  it.each([
    [lora, { ...lora, r: 3 }, "r", "it is 3, but 2 in the adapter of `model`"],
    [lora, { ...lora, lora_alpha: 3 }, "lora_alpha", "it is 3, but 16 in"],
    [lora, { ...lora, use_rslora: true }, "use_rslora", "it is true, but false in"],
    [lora, { ...lora, target_modules: ["q_proj"] }, "target_modules", "it differs from that of"],
    [lora, { ...lora, rank_pattern: { v_proj: 1 } }, "r", "it differs from that of"],
    [lora, { ...lora, lora_bias: true }, "lora_bias", "it is true, but false in"],
    [lora, { ...lora, type: "dora" }, "", "the adapter of `model` was trained with lora"],
    [lora, { type: "full" }, "", "full trains no adapter"],
    [lora, [lora, { type: "ia3" }], "", "was trained with lora"],
    [
      { ...lora, r: 4 },
      { ...lora, lora_alpha: 8, init_lora_weights: "pissa" },
      "init_lora_weights",
      "did not start as",
    ],
    [
      { ...lora, type: "qlora" },
      { ...lora, type: "qlora", bnb_4bit_use_double_quant: false },
      "bnb_4bit_use_double_quant",
      "it is false, but true in",
    ],
    [{ type: "adalora" }, { type: "adalora", init_r: 9 }, "init_r", "it is 9, but 12 in"],
    [{ type: "ia3" }, { type: "ia3", feedforward_modules: [] }, "feedforward_modules", "it differs from that of"],
    [{ type: "prompt" }, { type: "prompt", num_virtual_tokens: 3 }, "num_virtual_tokens", "it is 3, but"],
    [{ type: "prefix" }, { type: "prefix", prefix_projection: true }, "prefix_projection", "it is true, but false in"],
    [
      { type: "bottleneck" },
      { type: "bottleneck", reduction_factor: 8 },
      "reduction_factor",
      "it differs from that of",
    ],
    [
      { type: "bottleneck" },
      { type: "bottleneck", non_linearity: "silu" },
      "non_linearity",
      'it is "silu", but "relu"',
    ],
    [
      { type: "bitfit", add_biases: true, target_modules: ["q_proj"] },
      { type: "bitfit", add_biases: true },
      "target_modules",
      "it differs from that of",
    ],
  ])("%j, then %j: %s", async (first, then, field, problem) => {
    await expect(from(first, then)).rejects.toMatchObject({
      code: "invalid_request",
      param: field === "" ? expect.stringMatching(/^method\.supervised\.peft(\[\d\])?$/) : `${param}.${field}`,
      message: expect.stringContaining(problem),
    });
  });

  it("may differ in what concerns training alone", async () => {
    await from(lora, { ...lora, lora_dropout: 0.3, loraplus_lr_ratio: 4 });
    await from({ type: "bottleneck" }, { type: "bottleneck", dropout: 0.5, init_weights: "houlsby" });
  });
});

describe("special adapters", () => {
  it("a prefix from a network goes on as the prefix that it made", async () => {
    const settings = settingsOf({ type: "prefix", num_virtual_tokens: 3, prefix_projection: true });
    const delta = await published(settings, moved(firstValues(settings)));
    await expect(resumed(delta, settings)).rejects.toMatchObject({ param: `${param}.prefix_projection` });
    const stated = statedBy(delta);
    expectSameDelta(await published(stated, await resumed(delta, stated)), delta);
  });

  it("ranks that adalora removed stay removed", async () => {
    const settings = settingsOf({ type: "adalora", init_r: 4, target_r: 2, target_modules: ["q_proj", "up_proj"] });
    const values = moved(firstValues(settings));
    for (const [name, { shape, data }] of values) {
      if (name.endsWith("lora_E"))
        values.set(
          name,
          f32(
            shape,
            data.map((value, at) => (at % 3 === 1 ? 0 : value)),
          ),
        );
    }
    const delta = await published(settings, values);
    const start = await resumed(delta, settings);
    for (const [name, { data }] of start) if (name.endsWith("lora_E")) expect([...data].indexOf(0)).toBe(1);
    expect(adapterFiles(await published(settings, start))).toEqual(adapterFiles(delta));
    expect(await resumed(delta, statedBy(delta))).toEqual(start);
  });

  it.each([
    [[settingsOf({ type: "lora", r: 2 }), settingsOf({ type: "prefix", num_virtual_tokens: 2 })]],
    [[settingsOf({ type: "bottleneck", use_gating: true }), settingsOf({ type: "bitfit", add_biases: true })]],
    [ChosenSettings.parse({ type: "unipelt", prefix_tuning: { prefix_projection: false } })],
    [ChosenSettings.parse({ type: "mam", prefix_tuning: { prefix_projection: false } })],
  ])("several methods go on together", async (settings: PeftChoice) => {
    const delta = await published(settings, moved(firstValues(settings)));
    const again = await published(settings, await resumed(delta, settings));
    expect(adapterFiles(again)).toEqual(adapterFiles(delta));
    const stated = statedBy(delta);
    expectSameDelta(await published(stated, await resumed(delta, stated)), delta);
  });
});
