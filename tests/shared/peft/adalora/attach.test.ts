import { describe, expect, it } from "vitest";
import { linearModules } from "../../../../shared/model/modules.ts";
import { tripletNames } from "../../../../shared/peft/adalora/allocator.ts";
import { adaLoraScale, attachAdaLora, planAdaLora } from "../../../../shared/peft/adalora/attach.ts";
import { AdaLoraSettings } from "../../../../shared/peft/adalora/settings.ts";
import type { AttachedMethod } from "../../../../shared/peft/method.ts";
import { elementCount, f32, type Tensor } from "../../../../shared/tensor.ts";
import { createOnnxRuntimeExecutor } from "../../../../trainer/engines/onnxruntime.ts";
import { decodeCheckpoint, encodeCheckpoint } from "../../../../trainer/loop/checkpoint.ts";
import { drawMasks } from "../../../../trainer/loop/random-masks.ts";
import { type TrainingPlan, train } from "../../../../trainer/loop/train.ts";
import { initialState } from "../../../../trainer/loop/training-state.ts";
import { ADAMW_DEFAULTS } from "../../../../trainer/optim/adamw.ts";
import { frozenTensors, trainingGraph } from "../../../../trainer/recipes/causal-graphs.ts";
import { attached, NO_METHOD } from "../../../support/peft.ts";
import { goldenFile, gradientsOf, logitsOf, peftGolden } from "../../../support/peft-golden.ts";
import { goldenFeeds } from "../../../trainer/golden-llama.ts";
import { largestDifference } from "../../model/golden-models.ts";
import { goldenSettings, graphTensors } from "./golden.ts";

const golden = await peftGolden("adalora");
const { config, weights, json } = golden;
const { scale, orthRegWeight } = json as { scale?: number; orthRegWeight?: number };
const param = "method.supervised.peft";
const attach = (changes: Partial<AdaLoraSettings> = {}, seed = 1) =>
  attachAdaLora({ config, weights, seed, settings: { ...goldenSettings, ...changes }, encode: () => [], param });
const trained = graphTensors(goldenFile("adalora", "adapter_model.safetensors"));

describe("planAdaLora", () => {
  it("trains r(in + out + 1) numbers for each layer, as peft counts them", () => {
    const { parameters, serving, published } = planAdaLora({ config, settings: goldenSettings, param });
    expect(parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0)).toBe(json.trainableParameters);
    expect(serving).toEqual({ rank: 4, vectors: 0, columns: 0, positions: 0 });
    expect(published).toBe(json.trainableParameters / 2);
    const whole = planAdaLora({ config, settings: { ...goldenSettings, target_modules: "all-linear" }, param });
    expect(whole.parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0)).toBe(
      linearModules(config).reduce((sum, { in: inSize, out }) => sum + 4 * (inSize + out + 1), 0),
    );
  });

  it.each<[Partial<AdaLoraSettings>, string, string]>([
    [{ target_r: 5 }, "target_r", "must be at most `init_r`, which is 4, got 5"],
    [{ init_r: 99, target_r: 2 }, "init_r", "must be from 1 to 16, got 99"],
    [{ target_modules: ["c_attn"] }, "target_modules", "matches no linear layer"],
    [{ target_modules: ".*" }, "target_modules", "adalora cannot train embed_tokens (nor can peft's)"],
    [{ exclude_modules: ["o_proj"] }, "exclude_modules", "`o_proj` matches none of the targeted layers"],
    [{ layers_to_transform: [2] }, "layers_to_transform", "there is no block 2; this model has 2"],
    [{ layers_pattern: "layers" }, "layers_pattern", "it has no effect without `layers_to_transform`"],
  ])("refuses %j", (changes, field, message) => {
    const plan = () => planAdaLora({ config, settings: { ...goldenSettings, ...changes }, param });
    expect(plan).toThrow(message);
    expect(plan).toThrow(expect.objectContaining({ code: "invalid_request", param: `${param}.${field}` }));
  });
});

describe("the settings", () => {
  const parse = (given: object) => AdaLoraSettings.safeParse({ type: "adalora", ...given });

  it("have peft's defaults for the allocator", () => {
    expect(parse({}).data).toMatchObject({
      ...{ init_r: 12, target_r: 8, tinit: 0, tfinal: 0, deltaT: 1 },
      ...{ beta1: 0.85, beta2: 0.85, orth_reg_weight: 0.5 },
    });
  });

  it.each<[object, string, string]>([
    [{ r: 8 }, "r", "is not a setting of adalora; set init_r, the initial rank, and target_r"],
    [{ total_step: 100 }, "total_step", "follows from the job's data and hyperparameters; remove it"],
    [{ beta1: 1 }, "beta1", "<1"],
    [{ beta2: 0 }, "beta2", ">0"],
    [{ deltaT: 0 }, "deltaT", ">=1"],
    [{ tinit: -1 }, "tinit", ">=0"],
    [{ tfinal: 1.5 }, "tfinal", "expected int"],
    [{ orth_reg_weight: -0.5 }, "orth_reg_weight", ">=0"],
    [{ lora_alpha: 0 }, "lora_alpha", ">0"],
    [{ lora_dropout: 1 }, "lora_dropout", "<1"],
  ])("refuse %j", (given, field, message) => {
    const [issue] = parse(given).error!.issues;
    expect(issue!.path).toEqual([field]);
    expect(issue!.message).toContain(message);
  });

  it("reject unknown settings", () => {
    expect(parse({ rank: 3 }).error!.issues[0]).toMatchObject({ code: "unrecognized_keys", keys: ["rank"] });
  });
});

describe("attachAdaLora", () => {
  it("draws vectors with σ = 0.02, each of its own, and leaves E at 0", () => {
    const { initial, startsAsBase } = attach({ init_r: 16 });
    expect(startsAsBase).toBe(true);
    for (const factor of ["a", "b"] as const) {
      const { data } = initial.get(tripletNames("layers.0.mlp.down_proj")[factor])!;
      expect(data.reduce((sum, value) => sum + value ** 2, 0) / data.length / 0.02 ** 2).toBeCloseTo(1, 0);
    }
    const a = (seed: number, layer = 0) => attach({}, seed).initial.get(`layers.${layer}.self_attn.q_proj.lora_A`);
    expect(a(1)).toEqual(a(1));
    expect(a(2)).not.toEqual(a(1));
    expect(a(1, 1)).not.toEqual(a(1, 0));
    expect(initial.get(tripletNames("layers.0.mlp.down_proj").e)!.data.every((value) => value === 0)).toBe(true);
  });

  it("is the base at step 0", async () => {
    const bare = await logitsOf(golden, NO_METHOD);
    expect(await logitsOf(golden, attach(), attach().initial)).toEqual(bare);
    expect(largestDifference(bare, json.logits.data)).toBeGreaterThan(0.05);
  });

  it("has peft's scale, logits and loss", async () => {
    expect(adaLoraScale(goldenSettings)).toBeCloseTo(scale!, 7);
    expect(largestDifference(await logitsOf(golden, attach(), trained), json.logits.data)).toBeLessThan(1e-4);
    expect((await gradientsOf(golden, attach(), trained)).loss).toBeCloseTo(json.loss, 4);
  });

  it("has peft's gradients, of the loss and of the penalty", async () => {
    const plain = attach({ orth_reg_weight: 0 });
    expect(plain.penalty).toBeUndefined();
    const ofLoss = await gradientsOf(golden, plain, trained);
    const expected = graphTensors(goldenFile("adalora", "grads.safetensors"));
    expect([...expected.keys()].sort()).toEqual([...ofLoss.gradients.keys()].sort());
    for (const [name, { data }] of expected) {
      expect(largestDifference(ofLoss.gradients.get(name)!.data, data), name).toBeLessThan(1e-4);
    }
    const penalised = await gradientsOf(golden, attach(), trained);
    expect(penalised.loss).toBe(ofLoss.loss);
    const ofPenalty = graphTensors(goldenFile("adalora", "penalty-grads.safetensors"));
    for (const [name, { data }] of ofLoss.gradients) {
      const penalty = ofPenalty.get(name)?.data;
      expect(penalty === undefined).toBe(name.endsWith("lora_E"));
      const sum = data.map((value, i) => value + orthRegWeight! * (penalty?.[i] ?? 0));
      expect(largestDifference(penalised.gradients.get(name)!.data, sum), name).toBeLessThan(1e-4);
    }
  });

  it("has a finite gradient if vectors are orthogonal to the last bit", async () => {
    const method = attach({ init_r: 1, target_r: 1 });
    const unit = new Map(
      [...method.initial].map(([name, { shape, data }]) => [
        name,
        f32(
          shape,
          data.map((_, i) => (i === 0 ? 1 : 0)),
        ),
      ]),
    );
    const { gradients } = await gradientsOf(golden, method, unit);
    for (const { data } of gradients.values()) expect(data.every(Number.isFinite)).toBe(true);
  });

  it("drops inputs of the factors in training, and draws a mask for each layer", async () => {
    const method = attach({ lora_dropout: 0.5 });
    const masks = method.randomInputs({ rows: 2, tokens: 5 });
    expect(masks).toHaveLength(6);
    expect(masks[2]).toEqual({ name: "layers.0.mlp.down_proj.lora_dropout", shape: [2, 5, 64], probability: 0.5 });
    const drawn = drawMasks(masks, { seed: 5, step: 0, micro: 0 });
    const all = Object.entries(drawn).map(([name, mask]) => [name, { ...mask, data: mask.data.map(() => 1 as never) }]);
    // Every kept input counts twice, which half of E undoes.
    const halved = new Map(
      [...trained].map(([name, { shape, data }]) => [
        name,
        f32(shape, name.endsWith("lora_E") ? data.map((value) => value / 2) : data),
      ]),
    );
    expect((await gradientsOf(golden, method, halved, Object.fromEntries(all))).loss).toBeCloseTo(json.loss, 4);
    expect(Math.abs((await gradientsOf(golden, method, trained, drawn)).loss - json.loss)).toBeGreaterThan(1e-3);
  });
});

const STEPS = 30;
const executor = createOnnxRuntimeExecutor({ threads: 1 });
const method = attach({ tinit: 3, tfinal: 5, deltaT: 3 });

function plan(totalSteps = STEPS): TrainingPlan {
  return {
    gradients: trainingGraph({ config, method, shape: { rows: 2, tokens: 5 } }),
    frozen: frozenTensors(weights, method),
    parameters: method.parameters,
    optimizer: ADAMW_DEFAULTS,
    schedule: { kind: "constant", peak: 2e-2, warmupSteps: 0, totalSteps },
    afterStep: method.afterStep!,
    batches: () => [{ feeds: goldenFeeds(json), trainedTokens: json.trainedTokens }],
  };
}

const livingRanks = (tensors: Readonly<Record<string, Tensor>>, { parameters }: AttachedMethod = method) =>
  parameters
    .filter(({ name }) => name.endsWith("lora_E"))
    .reduce((sum, { name }) => sum + (tensors[name]!.data as Float32Array).filter((value) => value !== 0).length, 0);

describe("a run", () => {
  const start = initialState(method.parameters, method.initial, method.afterStep!.memory);

  it("lowers the loss and reaches the target ranks; a stopped and resumed run ends with the same bytes", async () => {
    const losses: number[] = [];
    const living: number[] = [];
    const end = await train(executor, plan(), start, {
      onStep: ({ loss }, { tensors }) => {
        losses.push(loss);
        living.push(livingRanks(tensors));
      },
    });
    expect(losses.at(-1)).toBeLessThan(losses[0]! - 0.5);
    expect(living[0]).toBe(6 * 4);
    expect(living.slice(-5)).toEqual([12, 12, 12, 12, 12]);

    const half = await train(executor, plan(), start, { until: 17 });
    const memory = method.afterStep!.memory;
    const resumed = decodeCheckpoint(encodeCheckpoint(half, "run"), {
      run: "run",
      parameters: method.parameters,
      memory,
    });
    const again = await train(executor, plan(), resumed);
    expect(encodeCheckpoint(again, "run")).toEqual(encodeCheckpoint(end, "run"));
  });

  it.each([
    [3, "tinit", "with `tinit` 3 and `tfinal` 5, none of the run's 3 steps can allocate ranks"],
    [5, "tfinal", "none of the run's 5 steps"],
    [8, "tinit", "none of the run's 8 steps"],
  ])("of %i steps is refused before the first", async (steps, field, message) => {
    await expect(train(executor, plan(steps), start)).rejects.toMatchObject({
      code: "invalid_request",
      param: `${param}.${field}`,
      message: expect.stringContaining(message),
    });
    expect(() => method.afterStep!.checkSteps!(9)).not.toThrow();
  });
});

it("allocates ranks of its own beside another method of a list", async () => {
  const list = [
    { type: "ia3", target_modules: ["k_proj"], feedforward_modules: [] },
    { type: "adalora", init_r: 4, target_r: 1, tfinal: 2, target_modules: ["q_proj", "down_proj"] },
  ];
  const both = attached(list, { config, weights });
  const end = await train(
    executor,
    {
      ...plan(8),
      gradients: trainingGraph({ config, method: both, shape: { rows: 2, tokens: 5 } }),
      frozen: frozenTensors(weights, both),
      parameters: both.parameters,
      afterStep: both.afterStep!,
    },
    initialState(both.parameters, both.initial, both.afterStep!.memory),
  );
  expect(livingRanks(end.tensors, both)).toBe(4);
  expect(() => both.afterStep!.checkSteps!(2)).toThrow("none of the run's 2 steps can allocate ranks");
});
