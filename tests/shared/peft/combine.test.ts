import { describe, expect, it } from "vitest";
import { encodeCanonical } from "../../../shared/delta/serving-file.ts";
import { sumDeltas } from "../../../shared/delta/sum.ts";
import { readAdapterFolder } from "../../../shared/peft/adapter-folder.ts";
import { attachMethods, learningRateOf, planMethods, publishMethods } from "../../../shared/peft/combine.ts";
import { ChosenSettings, type PeftChoice } from "../../../shared/peft/presets.ts";
import { ADAPTER_FORMATS, peftMethod } from "../../../shared/peft/registry.ts";
import { withPrefix } from "../../../shared/peft/renamed.ts";
import { elementCount, f32, type Tensor } from "../../../shared/tensor.ts";
import { gradientsOf, logitsOf, served } from "../../support/peft-golden.ts";
import { largestDifference } from "../../trainer/golden-llama.ts";
import {
  COMBINATIONS,
  combinedFolder,
  combinedGolden,
  combinedGradients,
  combinedValues,
  GOLDEN_COMBINATIONS,
} from "./golden-combinations.ts";

const { config, weights } = await combinedGolden("mam");
const param = "method.supervised.peft";
const encode = () => [1, 2, 3];
const chosen = (given: object) => ChosenSettings.parse(given);
const plan = (settings: PeftChoice) => planMethods({ config, settings, param });
const attach = (settings: PeftChoice, seed = 1) => attachMethods({ config, weights, settings, seed, encode, param });
const publish = (settings: PeftChoice, values: ReadonlyMap<string, Tensor<"f32">>) =>
  publishMethods({ config, settings, seed: 1, values, weights, base: { id: "tiny", files: new Map() } });

const LORA = chosen({ type: "lora", r: 2, target_modules: "q_proj" });
const IA3 = chosen({ type: "ia3", target_modules: "v_proj", feedforward_modules: [] });
const ADAPTERS = chosen({ type: "bottleneck", reduction_factor: 8 });
const PROMPT = chosen({ type: "prompt", num_virtual_tokens: 3 });
const PREFIX = chosen({ type: "prefix", num_virtual_tokens: 5 });
const ADALORA = chosen({ type: "adalora", target_modules: "o_proj", init_r: 3, target_r: 2 });

describe.each(COMBINATIONS)("the sum of golden adapters %s", async (name) => {
  const golden = await combinedGolden(name);
  const method = attach(GOLDEN_COMBINATIONS[name].map(chosen));
  const values = combinedValues(golden);

  it("trains all of them, each under its place in the list", () => {
    const named = (entries: Iterable<readonly [string, readonly number[]]>) => [...entries].sort();
    expect(named(method.parameters.map(({ name: one, shape }) => [one, shape]))).toEqual(
      named([...values].map(([one, { shape }]) => [one, shape])),
    );
    const count = method.parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0);
    expect(count).toBe(golden.json.trainableParameters);
  });

  it("gives the reference's logits", async () => {
    expect(largestDifference(await logitsOf(golden, method, values), golden.json.logits.data)).toBeLessThan(2e-5);
  });

  it("gives the reference's loss and gradients", async () => {
    const { loss, gradients } = await gradientsOf(golden, method, values);
    expect(loss).toBeCloseTo(golden.json.loss, 5);
    const expected = combinedGradients(name, golden);
    expect([...expected.keys()].sort()).toEqual([...gradients.keys()].sort());
    for (const [one, { data }] of expected) {
      expect(largestDifference(gradients.get(one)!.data, data), one).toBeLessThan(1e-5);
    }
  });

  it("is served as the sum of what was published", async () => {
    const parts = await publish(GOLDEN_COMBINATIONS[name].map(chosen), values);
    const adapters = parts.flatMap((part) => (part.kind === "adapter" ? [part.adapter] : []));
    expect(adapters.map(({ method: of }) => of)).toEqual(GOLDEN_COMBINATIONS[name].map(({ type }) => type));
    const total = adapters.reduce((sum, { parameters }) => sum + parameters, 0);
    expect(total).toBe(golden.json.trainableParameters);
    const delta = sumDeltas(adapters.map((adapter) => ({ delta: adapter.delta, weight: 1 })));
    const logits = await logitsOf(golden, served(config, delta));
    expect(largestDifference(logits, golden.json.logits.data)).toBeLessThan(2e-5);
    for (const [index, adapter] of adapters.entries()) {
      const theirs = await readAdapterFolder(combinedFolder(golden.folders[index]!), golden.base, ADAPTER_FORMATS);
      expect(encodeCanonical(adapter.delta)).toEqual(encodeCanonical(theirs.delta));
    }
  });
});

describe("one method", () => {
  it("is what it is alone, in a list or not", () => {
    const alone = peftMethod(ADAPTERS as never).attach({
      config,
      weights,
      settings: ADAPTERS as never,
      seed: 1,
      encode,
      param,
    });
    for (const choice of [ADAPTERS, [ADAPTERS]]) {
      const { parameters, initial } = attach(choice);
      expect(parameters).toEqual(alone.parameters);
      expect(initial).toEqual(alone.initial);
      expect(plan(choice).parameters).toEqual(alone.parameters);
    }
  });
});

describe("a list", () => {
  it("plans what it attaches, and takes the sum of what each takes", () => {
    const choice = [LORA, PREFIX, ADAPTERS, ADALORA];
    const planned = plan(choice);
    expect(planned.parameters).toEqual(attach(choice).parameters);
    expect(planned.serving).toEqual({ rank: 2 + 3, vectors: 0, columns: 4, positions: 5 });
    expect(planned.claims).toEqual(["prefix"]);
    expect(planned.published).toBe([LORA, PREFIX, ADAPTERS, ADALORA].reduce((sum, one) => sum + publishedBy(one), 0));
  });

  it("starts every method as it starts alone, and as the base where all of them do", () => {
    const { initial, startsAsBase } = attach([LORA, ADAPTERS], 7);
    for (const [index, one] of [LORA, ADAPTERS].entries()) {
      for (const [name, value] of attach(one, 7).initial) expect(initial.get(`${index}.${name}`)).toEqual(value);
    }
    expect(startsAsBase).toBe(false);
    expect(attach([LORA, chosen({ type: "bottleneck", config: "par_bn" })]).startsAsBase).toBe(true);
  });

  it("trains every method at its own rate, the slowest at the run's", () => {
    const rates = (choice: PeftChoice) => new Map(attach(choice).parameters.map(({ name, rate = 1 }) => [name, rate]));
    const both = rates([IA3, LORA]);
    const ratio = peftMethod(IA3 as never).traits.learningRate / peftMethod(LORA as never).traits.learningRate;
    expect(ratio).not.toBe(1);
    expect(learningRateOf([IA3, LORA])).toBe(peftMethod(LORA as never).traits.learningRate);
    for (const [name, rate] of both) expect(rate, name).toBe(name.startsWith("0.") ? ratio : 1);
    expect(new Set(rates(IA3).values())).toEqual(new Set([1]));
  });

  it("keeps the names of several of one kind apart", () => {
    const names = attach([LORA, LORA]).parameters.map(({ name }) => name);
    expect(new Set(names).size).toBe(4 * config.layers);
    expect(names[0]).toMatch(/^0\./);
    expect(names.at(-1)).toMatch(/^1\./);
  });

  it("adds penalties up", async () => {
    const golden = await combinedGolden("mam");
    const other = chosen({ type: "adalora", target_modules: "q_proj", init_r: 2, target_r: 1 });
    // As long as E is 0, the penalty alone moves A and B.
    const start = async (choice: PeftChoice) => {
      const method = attach(choice);
      return (await gradientsOf(golden, method, method.initial)).gradients;
    };
    const both = await start([ADALORA, other]);
    for (const [index, one] of [ADALORA, other].entries()) {
      for (const [name, { data }] of await start(one)) {
        expect(largestDifference(both.get(`${index}.${name}`)!.data, data), name).toBeLessThan(1e-6);
        if (/lora_[AB]$/.test(name)) expect(Math.max(...data.map(Math.abs)), name).toBeGreaterThan(1e-3);
      }
    }
  });

  it("lets each method see its own after a step", () => {
    const { afterStep, parameters, initial } = attach([LORA, ADALORA]);
    expect([...afterStep!.memory.keys()].every((name) => name.startsWith("1."))).toBe(true);
    expect([...afterStep!.memory.keys()].map((name) => name.slice(2))).toEqual([
      ...attach(ADALORA).afterStep!.memory.keys(),
    ]);
    const values = new Map([...initial, ...afterStep!.memory]);
    const gradients = new Map(
      parameters.map(({ name, shape }) => [name, f32(shape, new Float32Array(elementCount(shape)).fill(0.5))]),
    );
    const changed = afterStep!.apply({ step: 1, totalSteps: 10, values, gradients, before: values, observed: [] });
    const own = attach(ADALORA).afterStep!.apply({
      step: 1,
      totalSteps: 10,
      values: withPrefix(values, "1."),
      gradients: withPrefix(gradients, "1."),
      before: withPrefix(values, "1."),
      observed: [],
    });
    expect(withPrefix(changed, "1.")).toEqual(new Map(own));
    expect([...changed.keys()].every((name) => name.startsWith("1."))).toBe(true);
  });

  it("asks for the masks of all of them", () => {
    const shape = { rows: 2, tokens: 3 };
    const dropped = [{ ...LORA, lora_dropout: 0.5 }, IA3, { ...ADAPTERS, dropout: 0.5 }] as ChosenSettings[];
    const names = attach(dropped)
      .randomInputs(shape)
      .map(({ name }) => name);
    expect(names).toEqual([
      "0.layers.0.self_attn.q_proj.lora_dropout",
      "0.layers.1.self_attn.q_proj.lora_dropout",
      "2.layers.0.mlp.adapter_dropout",
      "2.layers.1.mlp.adapter_dropout",
    ]);
  });
});

describe("what cannot go together", () => {
  const FULL = chosen({ type: "full" });

  it.each<[string, PeftChoice, string, string]>([
    ["full beside another", [LORA, FULL], "[1]", "`full` trains every weight and leaves nothing to the other methods"],
    [
      "two prompts",
      [PROMPT, LORA, PROMPT],
      "[2]",
      `\`${param}[0]\` and \`${param}[2]\` both put virtual tokens before`,
    ],
    ["two prefixes", [PREFIX, PREFIX], "[1]", `\`${param}[0]\` and \`${param}[1]\` both put a prefix before the text`],
    [
      "a preset and a prefix",
      [chosen({ type: "mam" }), PREFIX],
      "[1]",
      `\`${param}[0].prefix_tuning\` and \`${param}[1]\` both put a prefix before the text`,
    ],
    [
      "lengths of weights that are not there as they are",
      [chosen({ type: "dora", r: 2 }), LORA, chosen({ type: "qlora", r: 2 })],
      "[0]",
      `\`${param}[0]\` is computed from the base's weights as they are, but \`${param}[2]\` holds them in another form; train one without the other.`,
    ],
    [
      "more positions together than the context has",
      [chosen({ type: "prompt", num_virtual_tokens: 30 }), chosen({ type: "prefix", num_virtual_tokens: 30 })],
      "",
      "60 positions leave no room",
    ],
  ])("%s", (_name, choice, place, message) => {
    const refusal = expect.objectContaining({
      code: "invalid_request",
      param: `${param}${place}`,
      message: expect.stringContaining(message),
    });
    expect(() => attach(choice)).toThrow(refusal);
    expect(() => plan(choice)).toThrow(refusal);
  });

  it.each<[PeftChoice, string]>([
    [chosen({ type: "lora", r: 1000 }), ".r"],
    [[chosen({ type: "lora", r: 1000 })], "[0].r"],
    [[LORA, chosen({ type: "bottleneck", leave_out: [9] })], "[1].leave_out"],
    [chosen({ type: "mam", adapter: { leave_out: [9] } }), ".adapter.leave_out"],
    [chosen({ type: "unipelt", lora: { init_lora_weights: "pissa" } }), ".lora.init_lora_weights"],
    [
      [LORA, chosen({ type: "mam", prefix_tuning: { num_virtual_tokens: 60 } })],
      "[1].prefix_tuning.num_virtual_tokens",
    ],
  ])("a setting that does not fit is named where it stands: %#", (choice, place) => {
    expect(() => plan(choice)).toThrow(expect.objectContaining({ param: `${param}${place}` }));
  });

  it("a prompt and a prefix can", () => {
    const { virtualTokens, prefixTokens } = attach([PREFIX, PROMPT]);
    expect([virtualTokens, prefixTokens]).toEqual([3, 5]);
  });
});

it("no method at all trains nothing, at LoRA's learning rate", () => {
  expect(attach([])).toMatchObject({ parameters: [], startsAsBase: true, virtualTokens: 0, prefixTokens: 0 });
  expect(plan([])).toMatchObject({ parameters: [], serving: { rank: 0, columns: 0, positions: 0 }, mergeable: true });
  expect(learningRateOf([])).toBe(1);
});

function publishedBy(one: ChosenSettings): number {
  const { published, parameters } = plan(one);
  return published ?? parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0);
}
