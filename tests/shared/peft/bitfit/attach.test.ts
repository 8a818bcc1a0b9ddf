import { describe, expect, it } from "vitest";
import { linearModules } from "../../../../shared/model/modules.ts";
import { attachBitfit, planBitfit, WITHOUT_BIASES } from "../../../../shared/peft/bitfit/attach.ts";
import { BitfitSettings } from "../../../../shared/peft/bitfit/settings.ts";
import { planMethods } from "../../../../shared/peft/combine.ts";
import { elementCount } from "../../../../shared/tensor.ts";
import { settingsOf as anySettings, NO_METHOD } from "../../../support/peft.ts";
import { goldenFile, gradientsOf, logitsOf, peftGolden } from "../../../support/peft-golden.ts";
import { largestDifference } from "../../model/golden-models.ts";

const settingsOf = (given: object = {}) => BitfitSettings.parse({ type: "bitfit", ...given });
const biased = await peftGolden("bitfit");
const bare = await peftGolden("bitfit-added");
const attach = (given: object = {}, { config, weights } = biased) =>
  attachBitfit({ config, weights, settings: settingsOf(given), seed: 1, encode: () => [], param: "peft" });
const plan = (given: object = {}, config = biased.config) =>
  planBitfit({ config, settings: settingsOf(given), param: "peft" });
const targets = (given: object, config = biased.config) => plan(given, config).parameters.map(({ name }) => name);

describe("against PyTorch", () => {
  const added = { target_modules: ["q_proj", "o_proj", "up_proj", "down_proj"], add_biases: true };
  it.each([
    ["bitfit", {}],
    ["bitfit-added", added],
  ] as const)("has the logits, the loss and the biases' gradients of %s", async (name, given) => {
    const golden = await peftGolden(name);
    const method = attach(given, golden);
    const moved = [...goldenFile(name, "adapter_model.safetensors")].flatMap(([key, value]) => {
      const [, path] = /^base_model\.model\.model\.(.*)\.lora_B\.bias$/.exec(key) ?? [];
      return path === undefined ? [] : [[`${path}.bias_change`, value] as const];
    });
    const values = new Map(moved);
    expect([...values.keys()].sort()).toEqual(method.parameters.map((parameter) => parameter.name).sort());
    expect(largestDifference(await logitsOf(golden, method, values), golden.json.logits.data)).toBeLessThan(1e-4);
    const { loss, gradients } = await gradientsOf(golden, method, values);
    expect(loss).toBeCloseTo(golden.json.loss, 4);
    const expected = goldenFile(name, "grads.safetensors");
    expect(expected.size).toBe(gradients.size);
    for (const [parameter, { data }] of gradients) {
      const bias = `model.${parameter.replace("bias_change", "bias")}`;
      expect(largestDifference(data, expected.get(bias)!.data)).toBeLessThan(1e-4);
    }
  });
});

describe("planBitfit", () => {
  it("trains every bias that there is, without decay, and is served as that many numbers", () => {
    const { parameters, serving } = plan();
    const count = linearModules(biased.config).reduce((sum, { out, bias }) => sum + (bias ? out : 0), 0);
    expect(parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0)).toBe(count);
    expect(biased.json.trainableParameters).toBe(count);
    expect(parameters.every(({ decay }) => !decay)).toBe(true);
    expect(serving).toEqual({ rank: 0, vectors: count, columns: 0, positions: 0 });
  });

  it("adds biases to every layer or to the targeted ones", () => {
    expect(targets({ add_biases: true }, bare.config)).toHaveLength(linearModules(bare.config).length);
    expect(targets({ add_biases: true, target_modules: "o_proj" })).toEqual([
      "layers.0.self_attn.o_proj.bias_change",
      "layers.1.self_attn.o_proj.bias_change",
    ]);
    expect(targets({ target_modules: "all-linear" })).toEqual(targets({}));
    expect(targets({ target_modules: ["1.self_attn.q_proj"] })).toEqual(["layers.1.self_attn.q_proj.bias_change"]);
  });

  it("rejects a model without biases, naming methods that would work", () => {
    expect(() => plan({}, bare.config)).toThrow(
      expect.objectContaining({
        code: "invalid_request",
        param: "peft",
        message:
          "`peft`: `bitfit` trains biases, and this model has none. Use one of `lora`, `dora`, `adalora`, `ia3`, `bottleneck`, `prompt`, `prefix`, or set `add_biases: true` to add biases that start at 0.",
      }),
    );
    for (const type of WITHOUT_BIASES) {
      const settings = [anySettings({ type })];
      expect(planMethods({ config: bare.config, settings, param: "peft" }).parameters.length).toBeGreaterThan(0);
    }
  });

  it("rejects a targeted layer without a bias, and names that match nothing", () => {
    expect(() => plan({ target_modules: ["q_proj", "o_proj"] })).toThrow(
      expect.objectContaining({
        code: "invalid_request",
        param: "peft.target_modules",
        message:
          "`peft.target_modules`: layers.0.self_attn.o_proj has no bias. Remove it, or set `add_biases: true` to add one that starts at 0.",
      }),
    );
    expect(() => plan({ target_modules: "c_attn" })).toThrow("`c_attn` matches no linear layer");
  });
});

describe("attachBitfit", () => {
  it("starts as the base, with and without biases of its own", async () => {
    for (const [golden, given] of [
      [biased, {}],
      [bare, { add_biases: true }],
    ] as const) {
      const method = attach(given, golden);
      expect(method.startsAsBase).toBe(true);
      expect(await logitsOf(golden, method, method.initial)).toEqual(await logitsOf(golden, NO_METHOD));
    }
  });
});
