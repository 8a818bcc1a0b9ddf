import { describe, expect, it } from "vitest";
import type { Graph } from "../../../../shared/graph/graph.ts";
import { linearModules } from "../../../../shared/model/modules.ts";
import { attachLora, planLora } from "../../../../shared/peft/lora/attach.ts";
import { LoraSettings } from "../../../../shared/peft/lora/settings.ts";
import { elementCount, f32 } from "../../../../shared/tensor.ts";
import { createOnnxRuntimeExecutor } from "../../../../trainer/engines/onnxruntime.ts";
import { drawMasks } from "../../../../trainer/loop/random-masks.ts";
import { evaluationGraph, trainingGraph } from "../../../../trainer/recipes/causal-graphs.ts";
import { NO_METHOD } from "../../../support/peft.ts";
import { gradientsOf, logitsOf, peftGolden } from "../../../support/peft-golden.ts";
import {
  type GoldenTraining,
  goldenBase,
  goldenFactors,
  goldenFeeds,
  largestDifference,
  readGoldenJson,
} from "../../../trainer/golden-llama.ts";
import { GOLDEN_LORAS, goldenGradients, goldenMethod, goldenParameters } from "./golden.ts";

const { config, weights } = goldenBase();
const shape = { rows: 2, tokens: 10 };
const attach = (settings: object = {}, seed = 1) =>
  attachLora({
    ...{ config, weights, seed },
    settings: LoraSettings.parse({ type: "lora", r: 4, lora_alpha: 8, ...settings }),
    encode: () => [],
    param: "peft",
  });
const plan = (settings: object, of = config) =>
  planLora({ config: of, settings: LoraSettings.parse({ type: "lora", r: 2, ...settings }), param: "peft" });
const count = (parameters: readonly { readonly shape: readonly number[] }[]) =>
  parameters.reduce((sum, { shape: size }) => sum + elementCount(size), 0);
const countMatmuls = (graph: Graph) => graph.nodes.filter(({ op }) => op === "matmul").length;

describe.each(GOLDEN_LORAS)("peft's %s", (name) => {
  it("has the same parameters, logits, loss and gradients", async () => {
    const golden = await peftGolden(name);
    const method = goldenMethod(name, golden);
    const values = goldenParameters(name, golden);
    expect(method.parameters.map((parameter) => parameter.name).sort()).toEqual([...values.keys()].sort());
    for (const parameter of method.parameters) expect(values.get(parameter.name)!.shape).toEqual(parameter.shape);
    expect(count(method.parameters)).toBe(golden.json.trainableParameters);

    const logits = await logitsOf(golden, method, values);
    expect(largestDifference(logits, golden.json.logits.data)).toBeLessThan(1e-4);
    const { loss, gradients } = await gradientsOf(golden, method, values);
    expect(Math.abs(loss / golden.json.loss - 1)).toBeLessThan(1e-5);
    const expected = goldenGradients(name);
    const largest = Math.max(...[...expected.values()].flatMap(({ data }) => Array.from(data, Math.abs)));
    for (const [parameter, { data }] of expected) {
      const difference = largestDifference(gradients.get(parameter)!.data, data);
      expect(difference / largest, parameter).toBeLessThan(1e-5);
    }
  });
});

describe("planLora", () => {
  it("trains r(in + out) numbers for each layer, with the rank from its pattern", () => {
    const all = linearModules(config);
    expect(count(attach().parameters)).toBe(all.reduce((sum, module) => sum + 4 * (module.in + module.out), 0));
    const { parameters, serving } = plan({ target_modules: ["q_proj", "lm_head"], rank_pattern: { lm_head: 5 } });
    const { hiddenSize: width, vocabSize, heads, headDim } = config;
    expect(count(parameters)).toBe(config.layers * 2 * (width + heads * headDim) + 5 * (width + vocabSize));
    expect(serving).toEqual({ rank: 5, vectors: 0, columns: 0, positions: 0 });
  });

  it("counts biases, which are served as vectors and do not decay", () => {
    const { parameters, serving } = plan({ target_modules: ["q_proj", "up_proj"], lora_bias: true });
    const biases = parameters.filter(({ name }) => name.endsWith(".lora_bias"));
    expect(biases.map(({ shape: size, decay }) => [size, decay])).toEqual(
      Array(config.layers).fill([[[32], false], [[64], false]]).flat(), // biome-ignore format: one line
    );
    expect(serving.vectors).toBe(config.layers * (32 + 64));
  });

  it("serves and publishes factors that started as a part of the weight at twice the rank", () => {
    const targets = { target_modules: ["embed_tokens", "q_proj"] };
    const doubled = plan({ ...targets, init_lora_weights: "pissa" });
    expect(doubled.serving.rank).toBe(4);
    expect(count(doubled.parameters)).toBe(count(plan(targets).parameters));
    const { vocabSize, hiddenSize, heads, headDim, layers } = config;
    expect(doubled.published).toBe(2 * (vocabSize + hiddenSize) + layers * 4 * (hiddenSize + heads * headDim));
  });

  it("gives B and biases LoRA+'s rate, and the embedding its own rate", () => {
    const rates = (settings: object) =>
      new Map(plan(settings).parameters.map(({ name, rate, learningRate }) => [name, rate ?? learningRate]));
    const targets = { target_modules: ["embed_tokens", "layers.0.self_attn.q_proj"] };
    const q = "layers.0.self_attn.q_proj";
    expect([...rates({ ...targets, loraplus_lr_ratio: 16 })]).toEqual([
      ["embed_tokens.lora_A", 1e-6],
      ["embed_tokens.lora_B", 1e-6],
      [`${q}.lora_A`, undefined],
      [`${q}.lora_B`, 16],
    ]);
    const own = rates({ ...targets, loraplus_lr_ratio: 16, loraplus_lr_embedding: 1e-4 });
    expect(own.get("embed_tokens.lora_A")).toBe(1e-4);
    const biased = rates({ target_modules: q, lora_bias: true, loraplus_lr_ratio: 2 });
    expect(biased.get(`${q}.lora_bias`)).toBe(2);
    expect([...rates(targets).values()]).toEqual([undefined, undefined, undefined, undefined]);
  });
});

describe("first values", () => {
  it("of A are even in ±1/√in and of B 0", () => {
    const { initial } = attach({ r: 16 });
    const a = Array.from(initial.get("layers.0.mlp.down_proj.lora_A")!.data);
    const bound = 1 / Math.sqrt(64);
    expect(a.every((value) => Math.abs(value) <= bound)).toBe(true);
    const variance = a.reduce((sum, value) => sum + value * value, 0) / a.length;
    expect(variance / (bound ** 2 / 3)).toBeCloseTo(1, 1);
    expect(initial.get("layers.0.mlp.down_proj.lora_B")!.data.every((value) => value === 0)).toBe(true);
  });

  it("are the same for the same seed, others for each seed and layer", () => {
    const a = (seed: number, layer = 0) => attach({}, seed).initial.get(`layers.${layer}.self_attn.q_proj.lora_A`);
    expect(a(1)).toEqual(a(1));
    expect(a(2)).not.toEqual(a(1));
    expect(a(1, 1)).not.toEqual(a(1, 0));
  });

  it.each([
    ["gaussian", {}],
    ["orthogonal", {}],
    ["pissa", { target_modules: ["lm_head", "q_proj", "gate_proj"], rank_pattern: { gate_proj: 7 } }],
    ["pissa_niter_4", { use_rslora: true }],
    ["olora", { alpha_pattern: { o_proj: 3 } }],
    [true, { target_modules: ["embed_tokens", "k_proj"], lora_bias: false }],
    [true, { target_modules: ["lm_head", "k_proj"], lora_bias: true }],
  ])("are those of the base under %s, %j", async (init_lora_weights, changes) => {
    const golden = await peftGolden("lora-layers");
    const method = attach({ init_lora_weights, ...changes });
    expect(method.startsAsBase).toBe(true);
    const [start, base] = [await logitsOf(golden, method, method.initial), await logitsOf(golden, NO_METHOD)];
    // Only the orthogonal start is 0 up to rounding: neither of its factors is zero.
    if (init_lora_weights === "orthogonal") expect(largestDifference(start, base)).toBeLessThan(1e-5);
    else expect(start).toEqual(base);
  });
});

describe("the training graph", () => {
  it("never multiplies for the gradient of a frozen weight", () => {
    const method = attach();
    const { layers } = config;
    const forward = layers * (7 + 2) + 1;
    expect(countMatmuls(evaluationGraph({ config, method, shape }))).toBe(forward + 2 * 7 * layers);
    // The loss gives back one product for the head, four for the attention of each layer, one for the input of each frozen
    // linear, and for each pair of factors two weights and two inputs. Below the first layer's q, k and v nothing trains:
    // these three pass nothing on, neither through their weight nor through A.
    const backward = 1 + layers * (4 + 7 + 7 * 4) - 3 - 3;
    expect(countMatmuls(trainingGraph({ config, method, shape }))).toBe(forward + 2 * 7 * layers + backward);
  });

  it("takes two more frozen products for each layer that started as part of its weight", () => {
    const [plain, pissa] = [attach(), attach({ init_lora_weights: "pissa" })].map((method) =>
      countMatmuls(trainingGraph({ config, method, shape })),
    );
    // Two forward; backward none for the start's own factors and two for the input, but below the first layer's q, k and v.
    expect(pissa! - plain!).toBe(config.layers * 7 * 4 - 3 * 2);
  });
});

describe("dropout", () => {
  const method = attach({ lora_dropout: 0.5, target_modules: ["q_proj", "v_proj", "down_proj"] });

  it("needs one mask per linear layer, of its input's shape, and none at 0", () => {
    const inputs = method.randomInputs(shape);
    expect(inputs).toHaveLength(6);
    expect(inputs.find(({ name }) => name === "layers.1.mlp.down_proj.lora_dropout")).toEqual({
      name: "layers.1.mlp.down_proj.lora_dropout",
      shape: [2, 10, 64],
      probability: 0.5,
    });
    expect(attach().randomInputs(shape)).toEqual([]);
    const named = attach({ lora_dropout: 0.5, target_modules: ["embed_tokens", "lm_head"] }).randomInputs(shape);
    expect(named.map(({ name }) => name)).toEqual(["lm_head.lora_dropout"]);
    const inputNames = ({ inputs }: Graph) => inputs.map(({ name }) => name).filter((name) => name.includes("dropout"));
    expect(inputNames(trainingGraph({ config, method, shape }))).toHaveLength(6);
    expect(inputNames(evaluationGraph({ config, method, shape }))).toEqual([]);
  });

  it("keeps the expected input: masks of ones scale by 1/(1−p), masks of zeros leave the base", async () => {
    const graph = trainingGraph({ config, method, shape });
    const program = await createOnnxRuntimeExecutor({ threads: 1 }).compile(graph, { bindings: weights });
    const golden = readGoldenJson<GoldenTraining>("lora/golden.json");
    const factors = goldenFactors("lora/adapter/adapter_model.safetensors");
    const zero = Object.fromEntries(
      [...factors].map(([name, { shape }]) => [
        `${name}#grad`,
        { dtype: "f32", shape, data: new Float32Array(elementCount(shape)) },
      ]),
    );
    const lossUnder = async (fill: number | undefined, values = factors) => {
      const masks = drawMasks(method.randomInputs(shape), { seed: 5, step: 0, micro: 0 });
      for (const { data } of Object.values(masks)) if (fill !== undefined) data.fill(fill as never);
      const { loss } = await program.run({
        ...goldenFeeds(golden),
        ...masks,
        ...(zero as Record<string, never>),
        ...Object.fromEntries(values),
      });
      return Number(loss!.data[0]);
    };
    // Doubling every kept input doubles s, which halving B undoes.
    const halved = new Map(
      [...factors].map(([name, value]) => [
        name,
        name.endsWith("lora_B") ? { ...value, data: value.data.map((x) => x / 2) } : value,
      ]),
    );
    expect(await lossUnder(1, halved)).toBeCloseTo(golden.loss, 4);
    const base = readGoldenJson<{ loss: number }>("lora/full.json").loss;
    expect(await lossUnder(0)).toBeCloseTo(base, 4);
    expect(Math.abs((await lossUnder(undefined)) - golden.loss)).toBeGreaterThan(1e-3);
    await program.dispose();
  });

  it("does not drop out the initial part of a layer", async () => {
    const golden = await peftGolden("lora-layers");
    const started = attach({ init_lora_weights: "olora", lora_dropout: 0.5, target_modules: ["q_proj", "up_proj"] });
    const masks = drawMasks(started.randomInputs({ rows: 2, tokens: 5 }), { seed: 5, step: 0, micro: 0 });
    for (const { data } of Object.values(masks)) data.fill(0 as never);
    const { loss } = await gradientsOf(golden, started, started.initial, masks);
    // With its input dropped the adapter adds nothing, and the layer is what the start left of it.
    const left = new Map(
      [...started.initial].map(([name, { shape: size }]) => [name, f32(size, new Float32Array(elementCount(size)))]),
    );
    const without = attach({ init_lora_weights: "olora", target_modules: ["q_proj", "up_proj"] });
    expect(loss).toBeCloseTo((await gradientsOf(golden, without, left)).loss, 5);
  });
});
