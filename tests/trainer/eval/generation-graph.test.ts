import { describe, expect, it } from "vitest";
import { logSumExp } from "../../../shared/decode/logits.ts";
import { loadModelFolder } from "../../../shared/model/model-folder.ts";
import { f32 } from "../../../shared/tensor.ts";
import type { NamedTensors } from "../../../trainer/engines/executor.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { generationGraph, prefixGraph, startsAt } from "../../../trainer/eval/generation-graph.ts";
import { LayerCaches } from "../../../trainer/eval/layer-caches.ts";
import { StagedProgram } from "../../../trainer/eval/staged-program.ts";
import { decodeFeeds, prefillFeeds } from "../../../trainer/eval/step-feeds.ts";
import { GOLDEN_MODELS, goldenModel, goldenOutputs, largestDifference } from "../../shared/model/golden-models.ts";
import { attached, NO_METHOD } from "../../support/peft.ts";
import { tinyModel } from "../tiny-model.ts";

const executor = createOnnxRuntimeExecutor({ threads: 1 });

describe("generationGraph", () => {
  it.each(GOLDEN_MODELS)(
    "gives transformers' logits after every token, however many come at once: %s",
    async (name) => {
      const { config, weights } = await goldenModel(name);
      const { inputIds, logits: golden } = goldenOutputs(name);
      const [rows, tokens] = inputIds.shape;
      const compile = (prefill: boolean) => {
        const graph = generationGraph({ config, method: NO_METHOD, capacity: 64, prefill });
        return StagedProgram.compile(executor, graph, { bindings: weights, startsAt });
      };
      const [program, prefill] = [await compile(false), await compile(true)];
      const caches = await LayerCaches.create(executor, config, { slots: rows, limit: 64 });
      const idsOf = (row: number) => inputIds.data.slice(row * tokens, (row + 1) * tokens);
      const expectAt = ({ log_probabilities }: NamedTensors, position: number) => {
        for (let row = 0; row < rows; row++) {
          const from = (row * tokens + position) * config.vocabSize;
          const expected = golden.data.slice(from, from + config.vocabSize);
          const data = log_probabilities!.data as Float32Array;
          const got = data.subarray(row * config.vocabSize, (row + 1) * config.vocabSize);
          const normaliser = logSumExp(expected);
          expect(
            largestDifference(
              got,
              expected.map((logit) => logit - normaliser),
            ),
          ).toBeLessThan(2e-4);
        }
      };
      const past = { prefixTokens: 0 };
      // Three tokens of an empty cache, three more after them, then one by one.
      for (const start of [0, 3]) {
        const chunks = Array.from({ length: rows }, (_, row) => idsOf(row).slice(start, start + 3));
        const feeds = prefillFeeds(chunks, { ...past, start, end: start + 5, capacity: caches.capacity });
        const at = new Array<number>(rows).fill(start);
        expectAt(await prefill.run({ ...feeds, ...caches.feeds(0, rows) }, caches.appends(0, at)), start + 2);
      }
      for (let position = 6; position < tokens; position++) {
        const one = Array.from({ length: rows }, (_, row) => ({ token: idsOf(row)[position]!, length: position }));
        const feeds = decodeFeeds(one, { ...past, capacity: caches.capacity });
        const at = new Array<number>(rows).fill(position);
        expectAt(await program.run({ ...feeds, ...caches.feeds(0, rows) }, caches.appends(0, at)), position);
      }
      await Promise.all([program.dispose(), prefill.dispose(), caches.dispose()]);
    },
  );

  it("gives back what is new and nothing of the cache, which an executor would have to copy", async () => {
    const { config } = await goldenModel("plain");
    const { outputs } = generationGraph({ config, method: NO_METHOD, capacity: 64 });
    const shapes = outputs.map(({ value }) => value.shape.join());
    const added = ["batch", config.kvHeads, "seq", config.headDim].join();
    expect(shapes).toEqual([...new Array(2 * config.layers).fill(added), ["batch", "picks", config.vocabSize].join()]);
  });

  it("takes the parameters of a method as inputs, and drops nothing", () => {
    const { config, weights } = loadModelFolder(tinyModel());
    const method = attached({ type: "lora", r: 2, lora_dropout: 0.5 }, { config, weights });
    const names = generationGraph({ config, method, capacity: 64 }).inputs.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(method.parameters.map(({ name }) => name)));
    expect(names.filter((name) => name.endsWith("lora_dropout"))).toEqual([]);
  });
});

describe("prefixGraph", () => {
  it("gives the states of every layer, by head", async () => {
    const { config, weights } = loadModelFolder(tinyModel());
    const method = attached({ type: "prefix", num_virtual_tokens: 3 }, { config, weights });
    const graph = prefixGraph({ config, method });
    expect(graph.inputs.map(({ name }) => name)).toContain("prompt_embeddings");
    const program = await executor.compile(graph);
    const { layers, kvHeads, headDim } = config;
    const width = 2 * layers * kvHeads * headDim;
    const flat = f32(
      [3, width],
      Float32Array.from({ length: 3 * width }, (_, i) => i),
    );
    const states = await program.run({ prompt_embeddings: flat });
    for (let layer = 0; layer < layers; layer++) {
      for (const [part, kind] of ["key", "value"].entries()) {
        const { shape, data } = states[`present.${layer}.${kind}`]!;
        expect(shape).toEqual([1, kvHeads, 3, headDim]);
        for (let at = 0; at < data.length; at++) {
          const [head, token, place] = [Math.floor(at / (3 * headDim)), Math.floor(at / headDim) % 3, at % headDim];
          expect(data[at]).toBe(token * width + ((2 * layer + part) * kvHeads + head) * headDim + place);
        }
      }
    }
    await program.dispose();
  });
});
