import { describe, expect, it } from "vitest";
import { mergeIntoWeights } from "../../../../shared/delta/merge/into-weights.ts";
import { sumDeltas } from "../../../../shared/delta/sum.ts";
import { linearModules, weightName } from "../../../../shared/model/modules.ts";
import { transposed } from "../../../../shared/model/weights.ts";
import { planMethods, publishMethods } from "../../../../shared/peft/combine.ts";
import { attachQlora, loraPart, planQlora, qloraBase } from "../../../../shared/peft/qlora/attach.ts";
import { qloraResult } from "../../../../shared/peft/qlora/publish.ts";
import { QloraSettings } from "../../../../shared/peft/qlora/settings.ts";
import { elementCount, type Tensor } from "../../../../shared/tensor.ts";
import { frozenTensors, trainingGraph } from "../../../../trainer/recipes/causal-graphs.ts";
import { adapterOf, attached, moved, NO_METHOD, settingsOf } from "../../../support/peft.ts";
import {
  goldenFile,
  gradientsOf,
  logitsOf,
  type PeftGolden,
  peftGolden,
  served,
} from "../../../support/peft-golden.ts";
import { largestDifference } from "../../model/golden-models.ts";

const parse = (given: object = {}) => QloraSettings.parse({ type: "qlora", ...given });
const CASES = [
  ["qlora", { r: 3, lora_alpha: 6, target_modules: ["q_proj", "v_proj", "down_proj"] }],
  ["qlora-single", { r: 2, lora_alpha: 8, target_modules: ["k_proj", "up_proj"], bnb_4bit_use_double_quant: false }],
] as const;

/** The factors of a PEFT file, or their gradients, under the names and in the layout of the method. */
function factorsOf(tensors: ReadonlyMap<string, Tensor<"f32">>): Map<string, Tensor<"f32">> {
  const name = (key: string) => key.replace("base_model.model.model.", "").replace(".weight", "");
  return new Map([...tensors].map(([key, tensor]) => [name(key), transposed(tensor)]));
}

function setUp(golden: PeftGolden, given: object) {
  const { config, weights } = golden;
  const settings = parse(given);
  const options = { config, weights, settings, seed: 1, encode: () => [], param: "peft" };
  return { settings, options, method: attachQlora(options) };
}

describe.each(CASES)("%s, against peft on bitsandbytes' dequantised base", async (name, given) => {
  const golden = await peftGolden(name);
  const { config, weights, json } = golden;
  const { settings, method } = setUp(golden, given);
  const values = factorsOf(goldenFile(name, "adapter_model.safetensors"));

  it("has the same logits", async () => {
    expect([...values.keys()].sort()).toEqual(method.parameters.map((parameter) => parameter.name).sort());
    expect(largestDifference(await logitsOf(golden, method, values), json.logits.data)).toBeLessThan(1e-4);
  });

  it("has the same loss and gradients", async () => {
    const { loss, gradients } = await gradientsOf(golden, method, values);
    expect(loss).toBeCloseTo(json.loss, 4);
    const expected = factorsOf(goldenFile(name, "grads.safetensors"));
    expect([...gradients.keys()].sort()).toEqual([...expected.keys()].sort());
    for (const [parameter, { data }] of gradients) {
      expect(largestDifference(data, expected.get(parameter)!.data), parameter).toBeLessThan(1e-4);
    }
  });

  it("gives peft's merged logits on the dequantised base, but not on the original", async () => {
    const base = { id: "tiny", files: new Map() };
    const adapter = await adapterOf(qloraResult, { config, settings, seed: 1, values, weights, base });
    const merged = mergeIntoWeights(config, adapter.delta);
    const through = qloraBase({ config, settings });
    const fold = (of: (name: string, weight: Tensor<"f32">) => Tensor<"f32">) =>
      new Map([...weights].map(([weight, tensor]) => [weight, merged.weight(weight, of(weight, tensor))]));
    const { data } = json.mergedLogits as { data: readonly number[] };
    expect(largestDifference(await logitsOf({ ...golden, weights: fold(through) }, NO_METHOD), data)).toBeLessThan(
      1e-4,
    );
    const elsewhere = await logitsOf({ ...golden, weights: fold((_, weight) => weight) }, NO_METHOD);
    expect(largestDifference(elsewhere, data)).toBeGreaterThan(1e-2);
  });
});

describe("the frozen base", async () => {
  const golden = await peftGolden("qlora");
  const { config, weights } = golden;
  const { options, method } = setUp(golden, { target_modules: ["q_proj"] });
  const linears = linearModules(config).map(({ path }) => weightName(path));

  it("is in 4 bits, everything else is unchanged, and the size is as planned", () => {
    const frozen = frozenTensors(weights, method);
    for (const name of linears) {
      expect(frozen.has(name)).toBe(false);
      expect(frozen.get(`${name}.nf4`)).toMatchObject({ dtype: "u8", shape: [weights.get(name)!.data.length / 2] });
    }
    for (const name of weights.keys()) if (!linears.includes(name)) expect(frozen.get(name)).toBe(weights.get(name));
    const bytes = [...frozen.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
    expect(planQlora(options).frozenBytes).toBe(bytes);
  });

  it("has one 4-bit product for each layer forward, and one for each gradient that is passed on", () => {
    const shape = { rows: 1, tokens: 4 };
    const { nodes, inputs } = trainingGraph({ config, method, shape });
    const products = nodes.filter(({ op }) => op === "matmulNf4");
    expect(products.filter(({ attrs }) => (attrs as { transB: boolean }).transB)).toHaveLength(linears.length);
    // Nothing is trained before the first layer's q, k and v.
    expect(products).toHaveLength(2 * linears.length - 3);
    for (const { name } of inputs) expect(linears).not.toContain(name);
  });

  it("can be held in one form only", () => {
    const both = [settingsOf({ type: "qlora", r: 2 }), settingsOf({ type: "qlora", r: 3 })];
    expect(() => planMethods({ config, settings: both, param: "peft" })).toThrow(
      expect.objectContaining({ code: "invalid_request", param: "peft[1]" }),
    );
    const beside = [settingsOf({ type: "qlora", r: 2 }), settingsOf({ type: "prefix", num_virtual_tokens: 2 })];
    expect(planMethods({ config, settings: beside, param: "peft" }).frozenBytes).toBe(planQlora(options).frozenBytes);
  });
});

it("beside other methods, is served on the restored base as the list's own graph computes", async () => {
  const golden = await peftGolden("prompt-qwen2");
  const { config, weights } = golden;
  const list = [
    { type: "qlora", r: 2, bias: "all", init_lora_weights: "pissa" },
    { type: "ia3" },
    { type: "prefix", num_virtual_tokens: 2 },
  ];
  const method = attached(list, { config, weights });
  const values = moved(method.initial);
  const settings = list.map(settingsOf);
  const base = { id: "tiny", files: new Map() };
  const parts = await publishMethods({ config, settings, seed: 1, values, weights, base });
  const deltas = parts.flatMap((part) => (part.kind === "adapter" ? [{ delta: part.adapter.delta, weight: 1 }] : []));
  expect(deltas).toHaveLength(3);
  const through = qloraBase({ config, settings: parse() });
  const restored = new Map([...weights].map(([name, weight]) => [name, through(name, weight)]));
  const own = await logitsOf(golden, method, values);
  const delta = served(config, sumDeltas(deltas));
  expect(largestDifference(await logitsOf({ ...golden, weights: restored }, delta), own)).toBeLessThan(1e-4);
  expect(largestDifference(await logitsOf(golden, delta), own)).toBeGreaterThan(1e-2);
});

describe("settings", () => {
  it("are LoRA's, with the form of the base that QLoRA's paper has", () => {
    const settings = parse({ r: 5, use_rslora: true });
    expect(settings).toMatchObject({ r: 5, bnb_4bit_quant_type: "nf4", bnb_4bit_use_double_quant: true });
    expect(loraPart(settings)).toEqual(settingsOf({ type: "lora", r: 5, use_rslora: true }));
  });

  it("reject other 4-bit types and unknown fields", () => {
    const refused = (given: object) => QloraSettings.safeParse({ type: "qlora", ...given }).error?.issues[0];
    expect(refused({ bnb_4bit_quant_type: "fp4" })).toMatchObject({
      path: ["bnb_4bit_quant_type"],
      message: "must be nf4; other 4-bit types are not supported",
    });
    expect(refused({ load_in_8bit: true })).toMatchObject({ code: "unrecognized_keys" });
    expect(refused({ r: 0 })).toMatchObject({ path: ["r"] });
  });

  it("make as many parameters as LoRA's", async () => {
    const { config } = await peftGolden("qlora");
    const options = {
      config,
      settings: parse({ r: 3, target_modules: ["q_proj", "v_proj", "down_proj"] }),
      param: "p",
    };
    const { json } = await peftGolden("qlora");
    const count = planQlora(options).parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0);
    expect(count).toBe(json.trainableParameters);
  });
});
