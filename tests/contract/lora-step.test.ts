import { beforeAll, describe, expect, it } from "vitest";
import { formatShape } from "../../shared/graph/value-type.ts";
import { weightSpecs } from "../../shared/model/modules.ts";
import type { AttachedMethod } from "../../shared/peft/method.ts";
import { createRandom } from "../../shared/random.ts";
import { f32, i64, scalar, type Tensor, tensor } from "../../shared/tensor.ts";
import type { Executor } from "../../trainer/engines/executor.ts";
import { drawMasks } from "../../trainer/loop/random-masks.ts";
import { train } from "../../trainer/loop/train.ts";
import { initialState, parameterValues } from "../../trainer/loop/training-state.ts";
import { ADAMW_DEFAULTS } from "../../trainer/optim/adamw.ts";
import { frozenTensors, trainingGraph } from "../../trainer/recipes/causal-graphs.ts";
import { attached } from "../support/peft.ts";
import { goldenBase } from "../trainer/golden-llama.ts";
import { EXECUTORS } from "./executors.ts";

const STEPS = 20;
const MICRO_BATCHES = 2;
const shape = { rows: 2, tokens: 12 };
const { config, weights } = goldenBase();
const settings = { type: "lora", r: 4, lora_alpha: 8, lora_dropout: 0.1, target_modules: "all-linear" } as const;
const method = attached(settings, { config, weights, seed: 7 });

/** Random tokens in two packed examples per row; a third of the tokens are not targets. */
function batch(step: number, micro: number): Record<string, Tensor> {
  const { rows, tokens } = shape;
  const random = createRandom(7, "batch", step, micro);
  const each = (f: (column: number) => number) => Array.from({ length: rows * tokens }, (_, i) => f(i % tokens));
  return {
    tokens: i64(
      [rows, tokens],
      each(() => random.below(config.vocabSize)),
    ),
    targets: i64(
      [rows, tokens],
      each(() => random.below(8)),
    ),
    positions: i64(
      [rows, tokens],
      each((column) => (column < 5 ? column : column - 5)),
    ),
    segments: tensor("i32", [rows, tokens], Int32Array.from(each((column) => (column < 5 ? 0 : 1)))),
    weights: f32(
      [rows, tokens],
      each((column) => (column % 3 === 0 ? 0 : 1)),
    ),
    total: scalar("f32", MICRO_BATCHES * rows * tokens * (2 / 3)),
    ...drawMasks(method.randomInputs(shape), { seed: 7, step, micro }),
  };
}

async function run(executor: Executor): Promise<{ losses: number[]; factors: number[] }> {
  const losses: number[] = [];
  const end = await train(
    executor,
    {
      gradients: trainingGraph({ config, method, shape }),
      frozen: frozenTensors(weights, method),
      parameters: method.parameters,
      optimizer: { ...ADAMW_DEFAULTS, weightDecay: 0.01 },
      schedule: { kind: "cosine", peak: 2e-2, warmupSteps: 2, totalSteps: STEPS },
      batches: (step) =>
        Array.from({ length: MICRO_BATCHES }, (_, micro) => ({ feeds: batch(step, micro), trainedTokens: 16 })),
    },
    initialState(method.parameters, method.initial),
    { onStep: ({ loss }) => void losses.push(loss) },
  );
  return {
    losses,
    factors: [...parameterValues(end, method.parameters).values()].flatMap(({ data }) => [...data].map(Number)),
  };
}

describe("a LoRA run of 20 steps", () => {
  const runs: { readonly name: string; readonly losses: number[]; readonly factors: number[] }[] = [];

  beforeAll(async () => {
    for (const [name, create] of EXECUTORS) runs.push({ name, ...(await run(await create())) });
  }, 120_000);

  it("lowers the loss", () => {
    const { losses } = runs[0]!;
    expect(losses).toHaveLength(STEPS);
    expect(losses.at(-1)).toBeLessThan(losses[0]! - 1);
  });

  it("has the same losses on every executor", () => {
    const [reference, ...others] = runs;
    for (const { name, losses } of others) {
      losses.forEach((loss, step) => {
        expect(Math.abs(loss / reference!.losses[step]! - 1), `${name}, step ${step + 1}`).toBeLessThan(1e-4);
      });
    }
  });

  it("gives the same bytes when it is run again", async () => {
    const [, create] = EXECUTORS[0]!;
    expect((await run(await create())).factors).toEqual(runs[0]!.factors);
  });
});

describe("the graph of a training step", () => {
  const matrices = weightSpecs(config).filter(({ shape: { length } }) => length === 2);

  /** The weight matrices that have a gradient: some matrix product, or a scatter into the embedding, has their shape. */
  function gradientShapes(some: AttachedMethod): string[] {
    const { nodes } = trainingGraph({ config, method: some, shape });
    const products = nodes.filter(({ op }) => op === "matmul" || op === "scatterAddRows");
    const shapes = new Set(products.map(({ outputs: [output] }) => formatShape(output!.shape.slice(-2))));
    return matrices.filter((matrix) => shapes.has(formatShape(matrix.shape))).map(({ name }) => name);
  }

  it("has no gradients of frozen matrices under LoRA", () => {
    expect(gradientShapes(method)).toEqual([]);
  });

  it("has every matrix's gradient if everything is trained", () => {
    const full = attached({ type: "full" }, { config, weights, seed: 7 });
    expect(gradientShapes(full)).toEqual(matrices.map(({ name }) => name));
  });

  const countProducts = (some: AttachedMethod) =>
    trainingGraph({ config, method: some, shape }).nodes.filter(({ op }) => op === "matmul").length;

  it("has only the matrix products that LoRA needs", () => {
    // Forward, per layer: W, A and B of 7 linears, and 2 for attention; the head once.
    const forward = config.layers * (7 * 3 + 2) + 1;
    // Backward, per linear: dx through W and through A, dA, dB and the gradient between them; attention 4; the head's dx.
    // Nothing before the first layer is trained, so its q, k and v need no dx.
    const backward = config.layers * (7 * 5 + 4) + 1 - 3 * 2;
    expect(countProducts(method)).toBe(forward + backward);
  });

  it("has as many as backpropagation needs if everything is trained", () => {
    const full = attached({ type: "full" }, { config, weights, seed: 7 });
    // Forward 7 linears and 2 for attention; backward two for each of these nine; the head once forward,
    // and on the way back, where a trained head computes its logits again, three times.
    expect(countProducts(full)).toBe(config.layers * (9 + 18) + 4);
  });
});
