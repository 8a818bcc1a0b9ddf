import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import { printGraph } from "../../../shared/graph/print.ts";
import { type BatchShape, trainingForward } from "../../../shared/model/training-forward.ts";
import { f32, i64, scalar, tensor } from "../../../shared/tensor.ts";
import type { NamedTensors } from "../../../trainer/engines/executor.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { gradientGraph } from "../../../trainer/loop/gradient-graph.ts";
import { type TrainingPlan, train } from "../../../trainer/loop/train.ts";
import { initialState } from "../../../trainer/loop/training-state.ts";
import { crossEntropy } from "../../../trainer/losses/cross-entropy.ts";
import { ADAMW_DEFAULTS } from "../../../trainer/optim/adamw.ts";
import { GOLDEN_MODELS, type GoldenModel, goldenModel, goldenOutputs, largestDifference } from "./golden-models.ts";

const executor = createOnnxRuntimeExecutor({ threads: 1 });

interface Batch {
  readonly tokens: readonly number[];
  readonly positions: readonly number[];
  readonly segments: readonly number[];
}

/** The logits [B, T, V] of one batch. */
async function logitsOf(name: GoldenModel, shape: BatchShape, batch: Batch): Promise<Float32Array> {
  const { config, weights } = await goldenModel(name);
  const b = new GraphBuilder("forward");
  const { logits } = trainingForward(b, config, shape);
  const program = await executor.compile(b.build({ logits }), { bindings: weights });
  const size = [shape.rows, shape.tokens];
  const result = await program.run({
    tokens: i64(size, batch.tokens),
    positions: i64(size, batch.positions),
    segments: tensor("i32", size, Int32Array.from(batch.segments)),
  });
  await program.dispose();
  expect(result.logits!.shape).toEqual([...size, config.vocabSize]);
  return result.logits!.data as Float32Array;
}

const counting = (length: number) => Array.from({ length }, (_, i) => i);

describe("trainingForward", { timeout: 30_000 }, () => {
  it.each(GOLDEN_MODELS)(
    "gives transformers' logits: %s",
    async (name) => {
      const { inputIds, logits } = goldenOutputs(name);
      const [rows, tokens] = inputIds.shape;
      const positions = Array.from({ length: rows }, () => counting(tokens)).flat();
      const batch = { tokens: inputIds.data, positions, segments: new Array<number>(rows * tokens).fill(0) };
      expect(largestDifference(await logitsOf(name, { rows, tokens }, batch), logits.data)).toBeLessThan(1e-4);
    },
    30_000,
  );

  it("keeps two documents of one row apart", async () => {
    const { inputIds, logits } = goldenOutputs("plain");
    const [rows, tokens] = inputIds.shape;
    const shape = { rows: 1, tokens: rows * tokens };
    const apart = { tokens: inputIds.data, positions: [...counting(tokens), ...counting(tokens)] };
    const segments = counting(shape.tokens).map((i) => 1 + Math.floor(i / tokens));
    expect(largestDifference(await logitsOf("plain", shape, { ...apart, segments }), logits.data)).toBeLessThan(1e-4);

    const together = await logitsOf("plain", shape, { ...apart, segments: segments.fill(1) });
    const second = tokens * (together.length / shape.tokens);
    expect(largestDifference(together.subarray(0, second), logits.data.slice(0, second))).toBeLessThan(1e-4);
    expect(largestDifference(together.subarray(second), logits.data.slice(second))).toBeGreaterThan(0.1);
  });

  it("turns by the positions that it is given", async () => {
    const { inputIds, logits } = goldenOutputs("plain");
    const [rows, tokens] = inputIds.shape;
    const shape = { rows, tokens };
    const segments = new Array<number>(rows * tokens).fill(0);
    const still = { tokens: inputIds.data, positions: segments, segments };
    expect(largestDifference(await logitsOf("plain", shape, still), logits.data)).toBeGreaterThan(0.1);
  });

  it("prints as the graph of a small model", async () => {
    const { config } = await goldenModel("plain");
    const b = new GraphBuilder("forward");
    const { logits } = trainingForward(b, { ...config, layers: 1 }, { rows: 2, tokens: 6 });
    await expect(printGraph(b.build({ logits }))).toMatchFileSnapshot("training-forward.graph.txt");
  });
});

describe("an intervention in a training graph", () => {
  const AT = "layers.0.mlp.down_proj";
  /** The position whose output of `AT` is moved, and the token that the model shall predict at the end. */
  const [POSITION, TARGET] = [9, 17];

  /** Trains δ [D], added to the output of `AT` at one position, towards one next token; the weights are frozen. */
  async function deltaPlan(steps: number): Promise<{ plan: TrainingPlan; feeds: NamedTensors; width: number }> {
    const { config, weights } = await goldenModel("plain");
    const { inputIds } = goldenOutputs("plain");
    const length = inputIds.shape[1];
    const b = new GraphBuilder("delta");
    const delta = b.input("delta", "f32", [config.hiddenSize]);
    const { logits } = trainingForward(
      b,
      config,
      { rows: 1, tokens: length },
      {
        rewrite: (positions) => ({
          linear: ({ path }) => {
            if (path !== AT) return {};
            const isThere = b.cast(b.equal(positions, POSITION), "f32");
            return { added: [b.mul(b.reshape(isThere, [1, length, 1]), delta)] };
          },
        }),
      },
    );
    const parameters = [{ name: "delta", shape: [config.hiddenSize], decay: false }];
    const last = (value: number) => [...new Array<number>(length - 1).fill(0), value];
    const feeds = {
      tokens: i64([1, length], inputIds.data.slice(0, length)),
      positions: i64([1, length], counting(length)),
      segments: tensor("i32", [1, length], new Int32Array(length)),
      targets: i64([1, length], last(TARGET)),
      weights: f32([1, length], last(1)),
      total: scalar("f32", 1),
    };
    const plan: TrainingPlan = {
      gradients: gradientGraph(b, { loss: crossEntropy(b, logits), parameters, parameter: () => delta }),
      frozen: weights,
      parameters,
      optimizer: ADAMW_DEFAULTS,
      schedule: { kind: "constant", peak: 0.3, warmupSteps: 0, totalSteps: steps },
      batches: () => [{ feeds, trainedTokens: 1 }],
    };
    return { plan, feeds, width: config.hiddenSize };
  }

  it("has the gradient that finite differences have", async () => {
    const { plan, feeds, width } = await deltaPlan(1);
    const program = await executor.compile(plan.gradients, { bindings: plan.frozen });
    const nothing = f32([width], new Float32Array(width));
    const run = async (delta: Float32Array) => {
      const results = await program.run({ ...feeds, delta: f32([width], delta), "delta#grad": nothing });
      return { loss: Number(results.loss!.data[0]), gradient: results["delta#grad"]!.data as Float32Array };
    };
    const { gradient } = await run(new Float32Array(width));
    const step = 1e-2;
    const differences: number[] = [];
    for (let i = 0; i < width; i++) {
      const at = async (value: number) => (await run(new Float32Array(width).fill(value, i, i + 1))).loss;
      differences.push(((await at(step)) - (await at(-step))) / (2 * step));
    }
    await program.dispose();
    const largest = Math.max(...gradient.map(Math.abs));
    expect(largest).toBeGreaterThan(0.05);
    expect(largestDifference(gradient, differences)).toBeLessThan(0.01 * largest);
  });

  it("trains with the loop that everything else trains with", async () => {
    const { plan, width } = await deltaPlan(80);
    const losses: number[] = [];
    const start = initialState(plan.parameters, new Map([["delta", f32([width], new Float32Array(width))]]));
    const { tensors } = await train(executor, plan, start, { onStep: ({ loss }) => void losses.push(loss) });
    expect(losses[0]).toBeGreaterThan(2);
    // The norms bound what one vector can do: 0.186 is the least, at any learning rate.
    expect(losses.at(-1)).toBeLessThan(0.2);
    expect(tensors.delta!.shape).toEqual([width]);
  });
});
