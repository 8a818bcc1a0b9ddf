import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import { f32, i64, scalar } from "../../../shared/tensor.ts";
import type { NamedTensors } from "../../../trainer/engines/executor.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { crossEntropy } from "../../../trainer/losses/cross-entropy.ts";
import { GOLDEN_MODELS, goldenOutputs } from "../../shared/model/golden-models.ts";
import { goldenFeeds } from "../golden-llama.ts";

const executor = createOnnxRuntimeExecutor({ threads: 1 });

async function lossOf(shape: readonly number[], feeds: NamedTensors): Promise<number> {
  const b = new GraphBuilder("loss");
  const program = await executor.compile(b.build({ loss: crossEntropy(b, b.input("logits", "f32", shape)) }));
  const { loss } = await program.run(feeds);
  await program.dispose();
  expect(loss!.shape).toEqual([]);
  return Number(loss!.data[0]);
}

/** Two rows of two tokens over three words. */
const LOGITS = [2, 0, 1, 0, 0, 0, -1, 5, 3, 100, 0, -100];
const TARGETS = [0, 2, 1, 2];
const small = (weights: readonly number[], total: number) =>
  lossOf([2, 2, 3], {
    logits: f32([2, 2, 3], LOGITS),
    targets: i64([2, 2], TARGETS),
    weights: f32([2, 2], weights),
    total: scalar("f32", total),
  });

/** −log p of each token, worked out by hand. */
const LOSSES = [Math.log(1 + Math.exp(-2) + Math.exp(-1)), Math.log(3), Math.log(1 + Math.exp(-6) + Math.exp(-2)), 200];

describe("crossEntropy", { timeout: 30_000 }, () => {
  it.each(GOLDEN_MODELS)("is transformers' loss, labels shifted: %s", async (name) => {
    const golden = goldenOutputs(name);
    const { tokens, positions, segments, ...feeds } = goldenFeeds(golden);
    const { shape, data } = golden.logits;
    expect(Math.abs((await lossOf(shape, { ...feeds, logits: f32(shape, data) })) - golden.loss)).toBeLessThan(1e-5);
  });

  it("is the weighted mean of −log p", async () => {
    expect(await small([1, 1, 1, 0], 3)).toBeCloseTo((LOSSES[0]! + LOSSES[1]! + LOSSES[2]!) / 3, 5);
    expect(await small([0.5, 0, 2, 0], 3)).toBeCloseTo((0.5 * LOSSES[0]! + 2 * LOSSES[2]!) / 3, 5);
  });

  it("stays finite where the target is all but impossible", async () => {
    expect(await small([0, 0, 0, 1], 1)).toBeCloseTo(LOSSES[3]!, 4);
  });

  it("adds up over micro-batches that share the step's total", async () => {
    const parts = [await small([1, 1, 0, 0], 4), await small([0, 0, 1, 1], 4)];
    expect(parts[0]! + parts[1]!).toBeCloseTo(await small([1, 1, 1, 1], 4), 4);
  });

  it("gives 0 for a micro-batch without a label", async () => {
    expect(Math.abs(await small([0, 0, 0, 0], 7))).toBe(0);
  });
});
