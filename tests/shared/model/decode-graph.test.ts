import { describe, expect, it } from "vitest";
import { printGraph } from "../../../shared/graph/print.ts";
import { verify } from "../../../shared/graph/verify.ts";
import { cacheWidth, decodeGraph, decodeGraphName } from "../../../shared/model/decode-graph.ts";
import { NO_FEATURES, type ServingFeatures } from "../../../shared/model/serving-rewrite.ts";
import { openDecoder } from "./decode-session.ts";
import { GOLDEN_MODELS, goldenModel, goldenOutputs, largestDifference } from "./golden-models.ts";

const CAPACITY = 16;
const { config } = await goldenModel("plain");
const ALL = { factors: true, vectors: true, bottlenecks: "any" } as const;

describe("cacheWidth", () => {
  it("is the head's own width where the kernels take it, and the next multiple of 16 elsewhere", () => {
    const widths = [2, 8, 12, 20, 24, 64, 100].map((headDim) => cacheWidth({ ...config, headDim }));
    expect(widths).toEqual([16, 8, 16, 32, 24, 64, 112]);
  });
});

describe("decodeGraphName", () => {
  it("names what is needed, and the layout only of what is laid out", () => {
    expect(decodeGraphName(NO_FEATURES)).toBe("decode");
    expect(decodeGraphName({ ...NO_FEATURES, layout: "rows", vectors: true })).toBe("decode-vectors");
    expect(decodeGraphName({ ...NO_FEATURES, layout: "rows", bottlenecks: "stream" })).toBe(
      "decode-rows-bottlenecks-stream",
    );
    expect(decodeGraphName({ layout: "bank", ...ALL })).toBe("decode-bank-factors-vectors-bottlenecks-any");
  });
});

describe("decodeGraph", { timeout: 30_000 }, () => {
  it.each<ServingFeatures>([NO_FEATURES, { layout: "bank", ...ALL }, { layout: "rows", ...ALL }])(
    "verifies, and prints as the graph of a small model: %j",
    async (features) => {
      const graph = decodeGraph({ ...config, layers: 1 }, { capacity: CAPACITY, features });
      verify(graph);
      expect(graph.name).toBe(decodeGraphName(features));
      const name = features === NO_FEATURES ? "none" : features.layout;
      await expect(printGraph(graph)).toMatchFileSnapshot(`decode-${name}.graph.txt`);
    },
  );

  it.each(GOLDEN_MODELS)("gives transformers' logits token by token, after any first chunk: %s", async (name) => {
    const model = await goldenModel(name);
    const { inputIds, logits } = goldenOutputs(name);
    const [rows, tokens] = inputIds.shape;
    const ids = (row: number, from: number, to: number) => inputIds.data.slice(row * tokens + from, row * tokens + to);
    for (const chunk of [1, 6]) {
      const decoder = await openDecoder(model, { rows, capacity: CAPACITY });
      for (let start = 0; start < tokens; start += start === 0 ? chunk : 1) {
        const end = start + (start === 0 ? chunk : 1);
        const got = await decoder.feed([ids(0, start, end), ids(1, start, end)]);
        const expected = [0, 1].flatMap((row) => {
          const at = (row * tokens + end - 1) * model.config.vocabSize;
          return logits.data.slice(at, at + model.config.vocabSize);
        });
        expect(largestDifference(got.logits, expected)).toBeLessThan(1e-4);
      }
      await decoder.dispose();
    }
  });

  it("gives the hidden state that the head made its logits of", async () => {
    const model = await goldenModel("plain");
    const decoder = await openDecoder(model, { rows: 2, capacity: CAPACITY });
    const { logits, final } = await decoder.feed([
      [15, 4],
      [25, 86],
    ]);
    await decoder.dispose();
    const head = model.weights.get("lm_head.weight")!.data;
    const { hiddenSize: width, vocabSize } = config;
    const expected = Array.from(logits, (_, at) => {
      const [row, token] = [Math.floor(at / vocabSize), at % vocabSize];
      return head
        .subarray(token * width, (token + 1) * width)
        .reduce((sum, value, i) => sum + value * final[row * width + i]!, 0);
    });
    expect(largestDifference(logits, expected)).toBeLessThan(1e-5);
  });
});
