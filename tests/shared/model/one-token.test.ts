import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import { head } from "../../../shared/model/forward.ts";
import { oneToken, pastNames } from "../../../shared/model/one-token.ts";
import { NO_FEATURES } from "../../../shared/model/serving-rewrite.ts";
import { f32, i64, type Tensor } from "../../../shared/tensor.ts";
import { takenBy } from "../../../trainer/engines/feeds.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { GOLDEN_MODELS, goldenModel, goldenOutputs, largestDifference } from "./golden-models.ts";

describe.each(GOLDEN_MODELS)("one token of %s", (name) => {
  it("after another gives the logits of the whole text", async () => {
    const { config, weights } = await goldenModel(name);
    const { inputIds, logits } = goldenOutputs(name);
    const { layers, kvHeads, headDim, hiddenSize, vocabSize } = config;
    const b = new GraphBuilder("one-token");
    const pass = oneToken(b, config, { capacity: 16, features: { ...NO_FEATURES, layout: "rows" } });
    const { final, own } = pass.run(b.input("embedded", "f32", [1, 1, hiddenSize]));
    const outputs = own.flatMap(({ key, value }, layer) => [
      [`key ${layer}`, key] as const,
      [`value ${layer}`, value] as const,
    ]);
    const graph = b.build({ logits: head({ b, config, weight: pass.weight }, final), ...Object.fromEntries(outputs) });
    const program = await createOnnxRuntimeExecutor({ threads: 1 }).compile(graph, {
      bindings: takenBy(graph, weights),
    });
    /** By layer and part, the keys or values [K, P] of each token so far. */
    const past = new Map<string, Float32Array[]>();
    const tensorOf = (part: string, length: number): Tensor<"f32"> => {
      const data = new Float32Array(kvHeads * length * headDim);
      for (const [token, values] of (past.get(part) ?? []).entries()) {
        for (let k = 0; k < kvHeads; k++) {
          data.set(values.subarray(k * headDim, (k + 1) * headDim), (k * length + token) * headDim);
        }
      }
      return f32([kvHeads, length, headDim], data);
    };
    const table = weights.get("model.embed_tokens.weight")!.data;
    const length = inputIds.shape[1];
    for (let at = 0; at < length; at++) {
      const token = inputIds.data[at]!;
      const place = new Float32Array(at + 1);
      place[at] = 1;
      const feeds: Record<string, Tensor> = {
        embedded: f32([1, 1, hiddenSize], table.subarray(token * hiddenSize, (token + 1) * hiddenSize)),
        place: f32([at + 1], place),
        position: i64([1, 1], [at]),
      };
      for (let layer = 0; layer < layers; layer++) {
        const names = pastNames(layer);
        feeds[names.key] = tensorOf(`key ${layer}`, at + 1);
        feeds[names.value] = tensorOf(`value ${layer}`, at + 1);
      }
      const results = await program.run(feeds);
      for (const [part] of outputs) past.set(part, [...(past.get(part) ?? []), results[part]!.data as Float32Array]);
      const expected = logits.data.slice(at * vocabSize, (at + 1) * vocabSize);
      expect(largestDifference(results.logits!.data as Float32Array, expected), `token ${at}`).toBeLessThan(2e-5);
    }
    await program.dispose();
  });
});

it("gives every input its prefix, so that two passes share a graph", async () => {
  const { config } = await goldenModel("qwen2");
  const b = new GraphBuilder("two");
  const features = { layout: "rows", factors: true, vectors: true, bottlenecks: "any" } as const;
  const first = oneToken(b, config, { capacity: 8, features });
  const second = oneToken(b, config, { capacity: 8, features, prefix: "other." });
  const { final } = first.run(b.input("embedded", "f32", [1, 1, config.hiddenSize]));
  const graph = b.build({ final: second.run(b.reshape(final, [1, 1, config.hiddenSize])).final });
  const names = graph.inputs.map(({ name }) => name).filter((name) => name !== "embedded");
  const others = names.filter((name) => name.startsWith("other."));
  expect(others.map((name) => name.slice("other.".length)).sort()).toEqual(
    names.filter((name) => !name.startsWith("other.")).sort(),
  );
});
