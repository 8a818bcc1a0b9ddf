import { describe, expect, it } from "vitest";
import { transposed } from "../../../../shared/model/weights.ts";
import { learningRateOf } from "../../../../shared/peft/combine.ts";
import { attachPrefix, planPrefix } from "../../../../shared/peft/prefix/attach.ts";
import { PREFIX } from "../../../../shared/peft/prefix/flat-prefix.ts";
import { PrefixSettings } from "../../../../shared/peft/prefix/settings.ts";
import { elementCount, type Tensor } from "../../../../shared/tensor.ts";
import { NO_METHOD } from "../../../support/peft.ts";
import { goldenFile, gradientsOf, logitsOf, peftGolden } from "../../../support/peft-golden.ts";
import { largestDifference } from "../../model/golden-models.ts";

const settingsOf = (given: object = {}) => PrefixSettings.parse({ type: "prefix", ...given });
const plain = await peftGolden("prefix");
/** Letters are tokens from a = 0 on. */
const encode = (text: string) => Array.from(text, (letter) => letter.charCodeAt(0) - 97);
const attach = (given: object = {}, seed = 1, { config, weights } = plain) =>
  attachPrefix({ config, weights, settings: settingsOf(given), seed, encode, param: "peft" });
const plan = (given: object = {}) => planPrefix({ config: plain.config, settings: settingsOf(given), param: "peft" });
const countOf = (given: object) => plan(given).parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0);

/** Weights of the network, which PyTorch stores transposed. */
const encoderFile = (file: string): Map<string, Tensor<"f32">> =>
  new Map(
    [...goldenFile("prefix-projection", file)].map(([name, value]) => [
      name,
      /transform.*weight/.test(name) ? transposed(value) : value,
    ]),
  );

describe("against peft", () => {
  it.each(["prefix", "prefix-qwen2", "prefix-tied"])(
    "has the logits, the loss and the gradient of %s",
    async (name) => {
      const golden = await peftGolden(name);
      const method = attach({ num_virtual_tokens: 4 }, 1, golden);
      const values = goldenFile(name, "adapter_model.safetensors");
      expect(largestDifference(await logitsOf(golden, method, values), golden.json.logits.data)).toBeLessThan(1e-4);
      const { loss, gradients } = await gradientsOf(golden, method, values);
      expect(loss).toBeCloseTo(golden.json.loss, 4);
      const expected = goldenFile(name, "grads.safetensors").get(PREFIX)!;
      expect(largestDifference(gradients.get(PREFIX)!.data, expected.data)).toBeLessThan(1e-4);
    },
  );

  it("has the logits, the loss and every gradient of prefix-projection", async () => {
    const golden = await peftGolden("prefix-projection");
    const given = { num_virtual_tokens: 4, prefix_projection: true, encoder_hidden_size: 12 };
    const method = attach(given, 1, golden);
    const values = encoderFile("encoder.safetensors");
    expect(countOf(given)).toBe(golden.json.trainableParameters);
    expect(largestDifference(await logitsOf(golden, method, values), golden.json.logits.data)).toBeLessThan(1e-4);
    const { loss, gradients } = await gradientsOf(golden, method, values);
    expect(loss).toBeCloseTo(golden.json.loss, 4);
    const expected = encoderFile("encoder-grads.safetensors");
    expect([...gradients.keys()].sort()).toEqual([...expected.keys()].sort());
    for (const [name, { data }] of gradients) {
      expect(largestDifference(data, expected.get(name)!.data)).toBeLessThan(1e-4);
    }
  });
});

describe("planPrefix", () => {
  const { layers, kvHeads, headDim } = plain.config;
  const kv = kvHeads * headDim;

  it("trains a key and a value of each layer for each position, and uses up the positions", () => {
    expect(plan({ num_virtual_tokens: 4 })).toEqual({
      parameters: [{ name: PREFIX, shape: [4, 2 * layers * kv], decay: true }],
      serving: { rank: 0, vectors: 0, columns: 0, positions: 4 },
      claims: ["prefix"],
      published: 4 * 2 * layers * kv,
    });
    expect(plain.json.trainableParameters).toBe(4 * 2 * layers * kv);
  });

  it("trains the network in their place, as wide as the keys unless it is told otherwise", () => {
    const through = (hidden: number) => 4 * kv + kv * hidden + hidden + hidden * 2 * layers * kv + 2 * layers * kv;
    const given = { num_virtual_tokens: 4, prefix_projection: true };
    expect(countOf(given)).toBe(through(kv));
    expect(countOf({ ...given, encoder_hidden_size: 3 })).toBe(through(3));
    expect(plan(given).serving.positions).toBe(4);
    expect(plan(given).published).toBe(4 * 2 * layers * kv);
    const undecayed = plan(given).parameters.filter(({ decay }) => !decay);
    expect(undecayed.map(({ name }) => name)).toEqual(["transform.0.bias", "transform.2.bias"]);
  });

  it("trains the network at its own, lower rate", () => {
    const rate = (given: object) => learningRateOf(settingsOf(given));
    expect([rate({}), rate({ prefix_projection: true })]).toEqual([60, 4]);
    expect(learningRateOf([settingsOf({}), settingsOf({ prefix_projection: true })])).toBe(4);
  });

  it.each<[object, string, string]>([
    [{ num_virtual_tokens: 60 }, "num_virtual_tokens", "60 positions leave no room for text"],
    [
      { encoder_hidden_size: 8 },
      "encoder_hidden_size",
      "`peft.encoder_hidden_size` has no effect without `prefix_projection`. Remove it, or set both.",
    ],
    [
      { init_text: "abc", prefix_projection: true },
      "init_text",
      "`peft.init_text` cannot be combined with `prefix_projection`, because a network cannot start from a text. Remove one of them.",
    ],
    [
      { init_text: "abc", init_weights: "zero" },
      "init_text",
      "`peft.init_text` cannot be combined with `init_weights`, because both set the initial prefix. Remove one of them.",
    ],
  ])("refuses %j", (given, field, message) => {
    expect(() => plan(given)).toThrow(message);
    expect(() => plan(given)).toThrow(expect.objectContaining({ code: "invalid_request", param: `peft.${field}` }));
  });
});

it("accepts any practical network width, and rejects excessive ones", () => {
  const widest = (encoder_hidden_size: number) =>
    PrefixSettings.safeParse({ type: "prefix", prefix_projection: true, encoder_hidden_size }).success;
  expect([8192, 8193].map(widest)).toEqual([true, false]);
});

describe("first values", () => {
  const deviation = ({ data }: Tensor<"f32">) => Math.sqrt(data.reduce((sum, x) => sum + x * x, 0) / data.length);

  it("are noise of variance 1, or zeros", () => {
    const first = (given: object, seed = 1) => attach({ num_virtual_tokens: 50, ...given }, seed).initial.get(PREFIX)!;
    expect(Math.abs(deviation(first({})) - 1)).toBeLessThan(0.05);
    expect(first({}, 2)).not.toEqual(first({}));
    expect(first({ init_weights: "zero" }).data.every((value) => value === 0)).toBe(true);
  });

  it("of the network are PyTorch's: a normal embedding, layers even in ±1/√in", () => {
    const given = { num_virtual_tokens: 50, prefix_projection: true, encoder_hidden_size: 25 };
    const { initial } = attach(given);
    expect(Math.abs(deviation(initial.get("embedding.weight")!) - 1)).toBeLessThan(0.1);
    for (const [name, bound] of [
      ["transform.0.weight", 0.25],
      ["transform.2.weight", 0.2],
      ["transform.2.bias", 0.2],
    ] as const) {
      const value = initial.get(name)!;
      expect(value.data.every((x) => Math.abs(x) <= bound)).toBe(true);
      expect(deviation(value) / (bound / Math.sqrt(3))).toBeCloseTo(1, 0);
    }
    const zero = attach({ ...given, init_weights: "zero" }).initial;
    const isZero = (name: string) => zero.get(name)!.data.every((x) => x === 0);
    expect([...zero.keys()].filter(isZero)).toEqual(["transform.2.weight", "transform.2.bias"]);
  });

  it.each(["prefix", "prefix-qwen2", "prefix-tied"])(
    "of a text do what the text before the tokens does: %s",
    async (name) => {
      const golden = await peftGolden(name);
      const method = attach({ num_virtual_tokens: 3, init_text: "cabbage" }, 1, golden);
      const { inputIds } = golden.json;
      const [length, width] = [inputIds.shape[1], golden.config.vocabSize];
      const data = [0, 1].flatMap((row) => [2, 0, 1, ...inputIds.data.slice(row * length, (row + 1) * length)]);
      const shape = [2, 3 + length] as const;
      const whole = { ...golden, json: { ...golden.json, inputIds: { shape, data }, labels: { shape, data } } };
      const expected = await logitsOf(whole, NO_METHOD);
      const tail = [0, 1].flatMap((row) => expected.slice((row * shape[1] + 3) * width, (row + 1) * shape[1] * width));
      expect(largestDifference(await logitsOf(golden, method, method.initial), tail)).toBeLessThan(1e-4);
    },
  );

  it("want a text that is long enough", () => {
    expect(() => attach({ num_virtual_tokens: 4, init_text: "abc" })).toThrow(
      expect.objectContaining({
        code: "invalid_request",
        param: "peft.init_text",
        message:
          "`peft.init_text` has 3 tokens, but the prefix needs 4; send a longer text, or lower `num_virtual_tokens`.",
      }),
    );
  });

  it("are never the base", async () => {
    const method = attach({ num_virtual_tokens: 2, init_weights: "zero" });
    expect(method.startsAsBase).toBe(false);
    const base = await logitsOf(plain, NO_METHOD);
    expect(largestDifference(await logitsOf(plain, method, method.initial), base)).toBeGreaterThan(0.01);
  });
});
