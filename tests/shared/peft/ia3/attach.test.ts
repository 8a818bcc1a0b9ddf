import { describe, expect, it } from "vitest";
import { initialWeights } from "../../../../shared/model/init.ts";
import { linearModules, weightName } from "../../../../shared/model/modules.ts";
import { parseAdapterFolder } from "../../../../shared/peft/adapter-folder.ts";
import { AdapterTensors } from "../../../../shared/peft/adapter-tensors.ts";
import { attachIa3, planIa3 } from "../../../../shared/peft/ia3/attach.ts";
import { takeScales } from "../../../../shared/peft/ia3/format.ts";
import { Ia3Settings } from "../../../../shared/peft/ia3/settings.ts";
import { createRandom } from "../../../../shared/random.ts";
import { elementCount, f32, type Tensor } from "../../../../shared/tensor.ts";
import { moved, NO_METHOD } from "../../../support/peft.ts";
import { goldenFile, gradientsOf, logitsOf, type PeftGolden, peftGolden } from "../../../support/peft-golden.ts";
import { largestDifference } from "../../model/golden-models.ts";

const settingsOf = (given: object = {}) => Ia3Settings.parse({ type: "ia3", ...given });
const plain = await peftGolden("ia3");
const qwen2 = await peftGolden("ia3-qwen2");
const attach = (given: object = {}, { config, weights } = plain) =>
  attachIa3({ config, weights, settings: settingsOf(given), seed: 1, encode: () => [], param: "peft" });
function scalesOf({ folder, config }: PeftGolden) {
  const { tensors, config: json } = parseAdapterFolder(folder);
  return takeScales(new AdapterTensors(tensors), json, config);
}
const plan = (given: object = {}, config = plain.config) =>
  planIa3({ config, settings: settingsOf(given), param: "peft" });

describe("against peft", () => {
  const outputs = ["q_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];
  it.each([
    ["ia3", {}],
    ["ia3-qwen2", {}],
    ["ia3-outputs", { target_modules: outputs, feedforward_modules: [] }],
    [
      "ia3-regex",
      {
        target_modules: ["1.self_attn.v_proj", "1.mlp.up_proj", "1.mlp.down_proj"],
        feedforward_modules: "1.mlp.down_proj",
      },
    ],
  ] as const)("has the logits, the loss and the gradients of %s", async (name, given) => {
    const golden = await peftGolden(name);
    const method = attach(given, golden);
    const { values } = scalesOf(golden);
    expect([...values.keys()]).toEqual(method.parameters.map((parameter) => parameter.name));
    expect(largestDifference(await logitsOf(golden, method, values), golden.json.logits.data)).toBeLessThan(1e-4);
    const { loss, gradients } = await gradientsOf(golden, method, values);
    expect(loss).toBeCloseTo(golden.json.loss, 4);
    const expected = goldenFile(name, "grads.safetensors");
    expect(expected.size).toBe(gradients.size);
    for (const [parameter, { data }] of gradients) {
      expect(largestDifference(data, expected.get(`base_model.model.model.${parameter}`)!.data)).toBeLessThan(1e-4);
    }
  });
});

describe("planIa3", () => {
  it("trains a number for each output of keys and values, and for each input of the feed-forward's end", () => {
    const { parameters } = plan();
    const { kvHeads, headDim, ffnSize, layers } = plain.config;
    expect(parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0)).toBe(
      layers * (2 * kvHeads * headDim + ffnSize),
    );
    expect(plain.json.trainableParameters).toBe(layers * (2 * kvHeads * headDim + ffnSize));
    expect(parameters.every(({ decay }) => !decay)).toBe(true);
  });

  it("is served as one scale for each layer, and a bias if the layer has one", () => {
    const { kvHeads, headDim, ffnSize, layers } = plain.config;
    const kv = kvHeads * headDim;
    expect(plan().serving).toEqual({ rank: 0, vectors: layers * (2 * kv + ffnSize), columns: 0, positions: 0 });
    expect(plan({}, qwen2.config).serving.vectors).toBe(layers * (4 * kv + ffnSize));
    expect(plan({ target_modules: ["up_proj", "down_proj"] }).serving.vectors).toBe(layers * ffnSize);
  });

  it.each<[string, object, string, string]>([
    [
      "an input that other layers share",
      { target_modules: ["q_proj", "down_proj"], feedforward_modules: ["q_proj"] },
      "peft.feedforward_modules",
      "the input of layers.0.self_attn.q_proj cannot be scaled: only the inputs of `down_proj`, and of `o_proj` in models whose query heads all have their own values, can be scaled by a delta.",
    ],
    [
      "o_proj where query heads share values",
      { target_modules: "o_proj", feedforward_modules: "o_proj" },
      "peft.feedforward_modules",
      "the input of layers.0.self_attn.o_proj cannot be scaled",
    ],
    [
      "a module that is not targeted",
      { target_modules: ["k_proj"], feedforward_modules: ["down_proj"] },
      "peft.feedforward_modules",
      "`peft.feedforward_modules`: layers.0.mlp.down_proj is not in `target_modules`; add it there too.",
    ],
    ["a name of no module", { target_modules: ["c_attn"] }, "peft.target_modules", "`c_attn` matches no linear layer"],
    ["another", { feedforward_modules: ["fc1"] }, "peft.feedforward_modules", "`fc1` matches no linear layer"],
  ])("refuses %s", (_name, given, param, message) => {
    expect(() => plan(given)).toThrow(message);
    expect(() => plan(given)).toThrow(expect.objectContaining({ code: "invalid_request", param }));
  });
});

describe("attachIa3", () => {
  it("starts as the base", async () => {
    const method = attach({}, qwen2);
    expect(method.startsAsBase).toBe(true);
    const base = await logitsOf(qwen2, NO_METHOD);
    expect(largestDifference(await logitsOf(qwen2, method, method.initial), base)).toBeLessThan(1e-5);
  });

  it("scales the up-projection by both its own vector and that of the down-projection's input", async () => {
    const method = attach({ target_modules: ["up_proj", "down_proj"] });
    const values = moved(method.initial, { size: 0.4, seed: 2 });
    const merged = new Map(plain.weights);
    for (const { path, in: inSize, out } of linearModules(plain.config)) {
      const vector = values.get(`${path}.ia3_l`);
      if (vector === undefined) continue;
      const atInput = path.endsWith("down_proj");
      const { shape, data } = plain.weights.get(weightName(path))!;
      expect(vector.data).toHaveLength(atInput ? inSize : out);
      const scaled = data.map((value, at) => value * vector.data[atInput ? Math.floor(at / out) : at % out]!);
      merged.set(weightName(path), f32(shape, scaled));
    }
    const expected = await logitsOf({ ...plain, weights: merged }, NO_METHOD);
    expect(largestDifference(await logitsOf(plain, method, values), expected)).toBeLessThan(1e-4);
  });

  it("moves the scale of o_proj's input to v_proj if every query head has its own values", async () => {
    const config = { ...qwen2.config, kvHeads: qwen2.config.heads };
    const weights = new Map(initialWeights(config, 3));
    for (const [name, { shape, data }] of weights) {
      const random = createRandom(4, name);
      weights.set(
        name,
        f32(
          shape,
          data.map((value) => value + 0.1 * random.normal()),
        ),
      );
    }
    const own = { ...qwen2, config, weights };
    const method = attach({ target_modules: ["v_proj", "o_proj"], feedforward_modules: ["o_proj"] }, own);
    const values = moved(method.initial, { size: 0.4, seed: 2 });
    const merged = new Map(weights);
    for (let layer = 0; layer < config.layers; layer++) {
      const [v, o] = ["v_proj", "o_proj"].map((name) => `layers.${layer}.self_attn.${name}`) as [string, string];
      const scaleColumns = (name: string, l: Tensor<"f32">) => {
        const { shape, data } = merged.get(name)!;
        merged.set(
          name,
          f32(
            shape,
            data.map((value, at) => value * l.data[at % l.data.length]!),
          ),
        );
      };
      scaleColumns(`model.${v}.weight`, values.get(`${v}.ia3_l`)!);
      scaleColumns(`model.${v}.bias`, values.get(`${v}.ia3_l`)!);
      const { shape, data } = weights.get(`model.${o}.weight`)!;
      const vector = values.get(`${o}.ia3_l`)!.data;
      const rows = data.map((value, at) => value * vector[Math.floor(at / shape[1]!)]!);
      merged.set(`model.${o}.weight`, f32(shape, rows));
    }
    const expected = await logitsOf({ ...own, weights: merged }, NO_METHOD);
    expect(largestDifference(await logitsOf(own, NO_METHOD), expected)).toBeGreaterThan(1e-2);
    expect(largestDifference(await logitsOf(own, method, values), expected)).toBeLessThan(1e-4);
  });
});
