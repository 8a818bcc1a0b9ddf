import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import { printGraph } from "../../../shared/graph/print.ts";
import { verify } from "../../../shared/graph/verify.ts";
import { cacheWidth, decodeGraph, decodeGraphName } from "../../../shared/model/decode-graph.ts";
import { NO_FEATURES, type ServingFeatures } from "../../../shared/model/serving-rewrite.ts";
import { tapNames, tapWidth } from "../../../shared/model/taps.ts";
import { trainingForward } from "../../../shared/model/training-forward.ts";
import { i64, tensor } from "../../../shared/tensor.ts";
import { takenBy } from "../../../trainer/engines/feeds.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
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

  it("tells probes and taps apart, whatever the order of the taps", () => {
    const vectors = { ...NO_FEATURES, vectors: true };
    expect(decodeGraphName(vectors, { probe: true })).toBe("probe-vectors");
    const name = "decode-vectors-taps-embedding+layers.1";
    expect(decodeGraphName(vectors, { taps: ["layers.1", "embedding"] })).toBe(name);
    expect(decodeGraphName(vectors, { taps: ["embedding", "layers.1", "embedding"] })).toBe(name);
    expect(decodeGraphName(vectors, { taps: [], probe: false })).toBe("decode-vectors");
    expect(decodeGraphName(vectors, { apart: true })).toBe("decode-apart-vectors");
    expect(decodeGraphName(vectors, { each: true })).toBe("decode-each-vectors");
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

  it.each(GOLDEN_MODELS)("gives the taps of the training graph, of the last token: %s", async (name) => {
    const model = await goldenModel(name);
    const taps = tapNames(model.config);
    const tokens = goldenOutputs(name).inputIds.data.slice(0, 7);
    const expected = await trainingTaps(model, tokens);
    const decoder = await openDecoder(model, { rows: 1, capacity: CAPACITY, taps });
    for (const [start, end] of [
      [0, 4],
      [4, 5],
      [5, 7],
    ] as const) {
      const got = await decoder.feed([tokens.slice(start, end)]);
      for (const tap of taps) {
        const width = tapWidth(model.config, tap);
        const at = (end - 1) * width;
        expect(largestDifference(got.taps[tap]!, expected[tap]!.slice(at, at + width)), tap).toBeLessThan(2e-5);
      }
      expect(got.taps.final).toEqual(got.final);
    }
    await decoder.dispose();
  });

  it("has the outputs of the taps that are asked for, and refuses unknown ones", () => {
    const graph = decodeGraph(config, { capacity: CAPACITY, taps: ["layers.1", "embedding", "layers.1"] });
    verify(graph);
    const names = graph.outputs.map((output) => output.name).filter((name) => name.startsWith("tap."));
    expect(names).toEqual(["tap.embedding", "tap.layers.1"]);
    expect(graph.nodes.length).toBe(decodeGraph(config, { capacity: CAPACITY }).nodes.length + 2 * 2);
    expect(() => decodeGraph(config, { capacity: CAPACITY, taps: ["layers.2"] })).toThrow(
      "there is no tap named layers.2",
    );
  });

  it.each(GOLDEN_MODELS)(
    "probes candidates as if each were the next token, and leaves the row alone: %s",
    async (name) => {
      const model = await goldenModel(name);
      const { inputIds } = goldenOutputs(name);
      const [tokens, candidates] = [inputIds.data.slice(0, 6), [3, 90, 41, 3, 7]];
      const options = { rows: 1, capacity: CAPACITY, taps: ["layers.0", "layers.1.mlp.down_proj.input"] };
      const decoder = await openDecoder(model, options);
      await decoder.feed([tokens]);
      const got = await decoder.probe(candidates);
      for (const [i, candidate] of candidates.entries()) {
        const alone = await openDecoder(model, options);
        await alone.feed([tokens]);
        const expected = await alone.feed([[candidate]]);
        await alone.dispose();
        const own = (all: Float32Array, like: Float32Array) => all.slice(i * like.length, (i + 1) * like.length);
        expect(largestDifference(own(got.logits, expected.logits), expected.logits)).toBeLessThan(1e-5);
        expect(largestDifference(own(got.final, expected.final), expected.final)).toBeLessThan(1e-5);
        for (const tap of options.taps) {
          const state = expected.taps[tap]!;
          expect(largestDifference(own(got.taps[tap]!, state), state), tap).toBeLessThan(1e-5);
        }
      }
      const next = await decoder.feed([[candidates[1]!]]);
      const { vocabSize } = model.config;
      expect(largestDifference(next.logits, got.logits.slice(vocabSize, 2 * vocabSize))).toBeLessThan(1e-5);
      await decoder.dispose();
    },
  );
});

/** Every tap [T, width] of a text, by the training graph. */
async function trainingTaps({ config, weights }: Awaited<ReturnType<typeof goldenModel>>, ids: readonly number[]) {
  const b = new GraphBuilder("taps");
  const size = [1, ids.length];
  const { tap } = trainingForward(b, config, { rows: 1, tokens: ids.length });
  const graph = b.build(Object.fromEntries(tapNames(config).map((name) => [name, tap(name)])));
  const program = await createOnnxRuntimeExecutor({ threads: 1 }).compile(graph, {
    bindings: takenBy(graph, weights),
  });
  const results = await program.run({
    tokens: i64(size, ids),
    positions: i64(size, [...ids.keys()]),
    segments: tensor("i32", size, new Int32Array(ids.length)),
  });
  await program.dispose();
  return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, data as Float32Array]));
}
