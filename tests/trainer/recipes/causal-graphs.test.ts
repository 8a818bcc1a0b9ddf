import { describe, expect, it } from "vitest";
import { EMBEDDING, weightSpecs } from "../../../shared/model/modules.ts";
import type { AttachedMethod } from "../../../shared/peft/method.ts";
import { type Tensor, zeros } from "../../../shared/tensor.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { type StepReport, train } from "../../../trainer/loop/train.ts";
import { initialState } from "../../../trainer/loop/training-state.ts";
import { slots } from "../../../trainer/optim/adamw.ts";
import {
  evaluationGraph,
  frozenTensors,
  predictionGraph,
  trainingGraph,
} from "../../../trainer/recipes/causal-graphs.ts";
import { attached } from "../../support/peft.ts";
import {
  type GoldenTraining,
  goldenBase,
  goldenFactors,
  goldenFeeds,
  goldenTensors,
  largestDifference,
  readGoldenJson,
} from "../golden-llama.ts";

const executor = createOnnxRuntimeExecutor({ threads: 1 });
const shape = { rows: 2, tokens: 10 };
const { config, weights } = goldenBase();
const lora = { type: "lora", r: 4, lora_alpha: 8, lora_dropout: 0 } as const;
const targets = ["q_proj", "v_proj", "down_proj"];
const transposedNames = new Set(weightSpecs(config).flatMap(({ name, transposed }) => (transposed ? [name] : [])));

async function gradients(method: AttachedMethod, initial: ReadonlyMap<string, Tensor>, feeds: Record<string, Tensor>) {
  const program = await executor.compile(trainingGraph({ config, method, shape }), {
    bindings: frozenTensors(weights, method),
  });
  const accumulators = method.parameters.map(({ name, shape }) => [slots(name).gradient, zeros(shape)] as const);
  const values = method.parameters.map(({ name }) => [name, initial.get(name)!] as const);
  const result = await program.run({ ...feeds, ...Object.fromEntries([...accumulators, ...values]) });
  await program.dispose();
  return result;
}

/** The golden's five steps, every tensor decayed as PyTorch's optimizer does by default. */
async function fiveSteps(
  method: AttachedMethod,
  initial: ReadonlyMap<string, Tensor>,
  feeds: Record<string, Tensor>,
  golden: Pick<GoldenTraining, "training">,
) {
  const { learningRate, steps, ...optimizer } = golden.training;
  const reports: StepReport[] = [];
  const parameters = method.parameters.map((parameter) => ({ ...parameter, decay: true }));
  const state = await train(
    executor,
    {
      gradients: trainingGraph({ config, method, shape }),
      frozen: frozenTensors(weights, method),
      parameters,
      optimizer,
      schedule: { kind: "constant", peak: learningRate, warmupSteps: 0, totalSteps: steps },
      batches: () => [{ feeds, trainedTokens: 13 }],
    },
    initialState(parameters, initial),
    { onStep: (report) => void reports.push(report) },
  );
  return { state, reports };
}

describe("LoRA against peft", () => {
  const golden = readGoldenJson<GoldenTraining>("lora/golden.json");
  const feeds = goldenFeeds(golden);
  const method = attached({ ...lora, target_modules: targets }, { config, weights });
  const adapter = goldenFactors("lora/adapter/adapter_model.safetensors");

  it("has peft's loss and gradients", async () => {
    const { loss, ...sums } = await gradients(method, adapter, feeds);
    expect(loss!.data[0]).toBeCloseTo(golden.loss, 4);
    const expected = goldenFactors("lora/grads.safetensors");
    expect(expected.size).toBe(method.parameters.length);
    for (const [name, gradient] of expected) {
      expect(largestDifference(sums[slots(name).gradient]!.data as Float32Array, gradient.data)).toBeLessThan(1e-4);
    }
  });

  it("is where peft is after five clipped AdamW steps", async () => {
    const { state, reports } = await fiveSteps(method, adapter, feeds, golden);
    expect(
      largestDifference(
        reports.map(({ loss }) => loss),
        golden.training.losses,
      ),
    ).toBeLessThan(1e-4);
    expect(
      largestDifference(
        reports.map(({ gradNorm }) => gradNorm),
        golden.training.gradNorms,
      ),
    ).toBeLessThan(1e-4);
    for (const [name, value] of goldenFactors("lora/after.safetensors")) {
      expect(largestDifference(state.tensors[name]!.data as Float32Array, value.data)).toBeLessThan(1e-4);
    }
  });

  it("evaluates without accumulators", async () => {
    const program = await executor.compile(evaluationGraph({ config, method, shape }), { bindings: weights });
    const { loss } = await program.run({ ...feeds, ...Object.fromEntries(adapter) });
    expect(loss!.data[0]).toBeCloseTo(golden.loss, 4);
    await program.dispose();
  });

  it("predicts what the loss is taken of", async () => {
    const program = await executor.compile(predictionGraph({ config, method, shape }), { bindings: weights });
    const { tokens, positions, segments, targets, weights: counted } = feeds as Record<string, Tensor>;
    const { logits } = await program.run({
      ...{ tokens: tokens!, positions: positions!, segments: segments! },
      ...Object.fromEntries(adapter),
    });
    await program.dispose();
    expect(logits!.shape).toEqual([shape.rows, shape.tokens, config.vocabSize]);
    const rows = Array.from({ length: shape.rows * shape.tokens }, (_, at) => {
      const own = (logits!.data as Float32Array).subarray(at * config.vocabSize, (at + 1) * config.vocabSize);
      const partition = own.reduce((sum, logit) => sum + Math.exp(logit), 0);
      return Number(counted!.data[at]) * (Math.log(partition) - own[Number(targets!.data[at])]!);
    });
    const learnt = Array.from(counted!.data as Float32Array).reduce((sum, weight) => sum + weight, 0);
    expect(rows.reduce((sum, loss) => sum + loss, 0) / learnt).toBeCloseTo(golden.loss, 4);
  });
});

describe("full fine-tuning against PyTorch", () => {
  const golden = readGoldenJson<
    Pick<GoldenTraining, "training" | "loss"> & { after: Record<string, { sum: number; norm: number }> }
  >("lora/full.json");
  const feeds = goldenFeeds(readGoldenJson<GoldenTraining>("lora/golden.json"));
  const method = attached({ type: "full" }, { config, weights });

  it("freezes nothing", () => {
    const frozen: ReadonlyMap<string, Tensor> = frozenTensors(weights, method);
    expect([...frozen.keys()]).toEqual([]);
    expect(method.parameters.find(({ name }) => name === EMBEDDING)?.decay).toBe(true);
    expect(method.parameters.filter(({ decay }) => !decay).every(({ name }) => name.includes("norm"))).toBe(true);
  });

  it("has PyTorch's loss and gradients", async () => {
    const { loss, ...sums } = await gradients(method, weights, feeds);
    expect(loss!.data[0]).toBeCloseTo(golden.loss, 4);
    for (const [name, gradient] of goldenTensors("lora/grads-full.safetensors", (name) => transposedNames.has(name))) {
      expect(largestDifference(sums[slots(name).gradient]!.data as Float32Array, gradient.data)).toBeLessThan(1e-4);
    }
  });

  it("is where PyTorch is after five clipped AdamW steps", async () => {
    const { state, reports } = await fiveSteps(method, weights, feeds, golden);
    expect(
      largestDifference(
        reports.map(({ loss }) => loss),
        golden.training.losses,
      ),
    ).toBeLessThan(1e-4);
    for (const [name, { sum, norm }] of Object.entries(golden.after)) {
      const data = Array.from(state.tensors[name]!.data as Float32Array);
      expect(Math.abs(data.reduce((total, x) => total + x, 0) - sum)).toBeLessThan(2e-3);
      expect(Math.abs(Math.hypot(...data) - norm)).toBeLessThan(1e-4);
    }
  });
});
