import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import { printGraph } from "../../../shared/graph/print.ts";
import { type BatchShape, trainingForward } from "../../../shared/model/training-forward.ts";
import { i64, tensor } from "../../../shared/tensor.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
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
