import { expect, it } from "vitest";
import { secondMoments } from "../../../trainer/edits/second-moments.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { distance, editGolden, GOLDEN_MODELS } from "./golden.ts";

it.each(GOLDEN_MODELS)("of %s are the reference's, whatever the rows that texts are packed in", async (name) => {
  const golden = editGolden(name);
  const texts = golden.json.text.map((ids) => Int32Array.from(ids));
  const read: number[] = [];
  const { moments, tokens, convergence } = await secondMoments(createOnnxRuntimeExecutor({ threads: 1 }), texts, {
    ...{ config: golden.config, weights: golden.weights, layers: golden.json.layers, padId: 0 },
    yieldToEventLoop: async () => undefined,
    onRead: (count) => void read.push(count),
  });
  expect(tokens).toBe(golden.json.text.flat().length);
  expect(read.at(-1)).toBe(tokens);
  for (const layer of golden.json.layers) {
    expect(distance(moments.get(layer)!.data, golden.numbers(`second_moment.layer${layer}`))).toBeLessThan(1e-6);
    const steps = convergence.get(layer)!;
    expect(steps).toHaveLength(3);
    expect(steps.at(-1)!.tokens).toBe(tokens);
    expect(steps.every(({ change }) => change > 0 && change < 1)).toBe(true);
  }
});
