import { describe, expect, it } from "vitest";
import { scoreToken } from "../../../shared/decode/logits.ts";
import { IGNORED_LABEL } from "../../../shared/model/chat-template.ts";
import { createRandom } from "../../../shared/random.ts";
import { f32, type Tensor, zeros } from "../../../shared/tensor.ts";
import { evaluationBatches } from "../../../trainer/data/batches.ts";
import { type Unit, unitsOf } from "../../../trainer/data/units.ts";
import { takenBy } from "../../../trainer/engines/feeds.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { createProgramCache } from "../../../trainer/loop/program-cache.ts";
import { train } from "../../../trainer/loop/train.ts";
import { initialState, parameterValues } from "../../../trainer/loop/training-state.ts";
import { ADAMW_DEFAULTS, slots } from "../../../trainer/optim/adamw.ts";
import { feedsFor, frozenTensors, trainingGraph } from "../../../trainer/recipes/causal-graphs.ts";
import { createScorer, withTokenColumn } from "../../../trainer/recipes/scorer.ts";
import { goldenModel, goldenOutputs } from "../../shared/model/golden-models.ts";
import { continuation } from "../../support/continuation.ts";
import { attached, NO_METHOD } from "../../support/peft.ts";
import { type GoldenTraining, goldenBase, goldenFactors, readGoldenJson } from "../golden-llama.ts";
import { countingExecutor } from "../loop/counting-executor.ts";

const { config, weights } = goldenBase();
const golden = readGoldenJson<GoldenTraining>("lora/golden.json");
const settings = {
  type: "lora",
  r: 4,
  lora_alpha: 8,
  lora_dropout: 0.5,
  target_modules: ["q_proj", "v_proj", "down_proj"],
};
const method = attached(settings, { config, weights });
const [rows, length] = golden.inputIds.shape;
const examples = Array.from({ length: rows }, (_, row) => ({
  ids: Int32Array.from(golden.inputIds.data.slice(row * length, (row + 1) * length)),
  labels: Int32Array.from(golden.labels.data.slice(row * length, (row + 1) * length)),
}));

describe("a scorer", () => {
  it.each([
    { rows: 2, tokens: 10 },
    { rows: 1, tokens: 24 },
  ])(
    "gives every trained token its log-probability, which peft's loss is the mean of: $rows × $tokens",
    async (shape) => {
      const { executor, compiled } = countingExecutor();
      const cache = createProgramCache(executor);
      const score = createScorer(cache, {
        ...{ config, weights, method, rows: { shape, packing: true, padId: 0 } },
        yieldToEventLoop: async () => undefined,
      });
      const adapter = goldenFactors("lora/adapter/adapter_model.safetensors");
      const pair: Unit = { examples };
      const [scores] = await score([pair], adapter);
      const trained = examples.flatMap(({ labels }, k) =>
        [...labels].flatMap((label, at) => (at > 0 && label !== IGNORED_LABEL ? [scores![k]![at]!] : [])),
      );
      expect(-trained.reduce((sum, one) => sum + one, 0) / trained.length).toBeCloseTo(golden.loss, 4);
      const elsewhere = scores!.flatMap((own, k) =>
        [...own].filter((_, at) => at === 0 || examples[k]!.labels[at]! < 0),
      );
      expect(elsewhere.every((one) => Math.abs(one) === 0)).toBe(true);
      // One by one they are what they are together.
      const apart = await score(unitsOf(examples), adapter);
      for (const [k, [own]] of apart.entries()) {
        for (const [at, one] of own!.entries()) expect(one).toBeCloseTo(scores![k]![at]!, 4);
      }
      expect(await score([], adapter)).toEqual([]);
      expect(compiled).toEqual(["log_probabilities"]);
      await cache.dispose();
    },
  );
});

describe("a scorer's numbers", () => {
  const runtime = createOnnxRuntimeExecutor({ threads: 1 });
  const yieldToEventLoop = async () => undefined;
  it("are transformers'", async () => {
    const { config, weights } = await goldenModel("plain");
    const { inputIds, logits } = goldenOutputs("plain");
    const [count, tokens, vocabulary] = logits.shape;
    const texts = Array.from({ length: count }, (_, row) => inputIds.data.slice(row * tokens, (row + 1) * tokens));
    const units = texts.map((ids, row) => continuation(ids.slice(0, 1 + row), ids.slice(1 + row)));
    const layout = { shape: { rows: 1, tokens: 32 }, packing: true, padId: 0 };
    const cache = createProgramCache(runtime);
    const options = { config, weights, method: NO_METHOD, rows: layout, yieldToEventLoop };
    const scores = await createScorer(cache, options)(units, new Map());
    for (const [row, ids] of texts.entries()) {
      for (let at = 1 + row; at < ids.length; at++) {
        const from = (row * tokens + at - 1) * vocabulary;
        expect(scores[row]![0]![at]).toBeCloseTo(
          scoreToken(logits.data.slice(from, from + vocabulary), ids[at]!, 0).logprob,
          4,
        );
      }
    }
    await cache.dispose();
  });

  // Only then is the ratio of new and old probabilities exactly 1 in the first step on texts just generated.
  it("are the bits that the training graph's loss is made of, after a hundred updates too", async () => {
    const { config, weights } = await goldenModel("plain");
    const method = attached({ type: "lora", r: 4, target_modules: "all-linear" }, { config, weights });
    const rows = { shape: { rows: 3, tokens: 24 }, packing: true, padId: 0 };
    const random = createRandom(3, "texts");
    const some = (count: number) => Array.from({ length: count }, () => random.below(config.vocabSize));
    // One trained token each: a text's loss is then its log-probability.
    const units = [5, 9, 14, 2, 7].map((length) => continuation(some(length), some(1)));
    const graph = trainingGraph({ config, method, shape: rows.shape });
    const bindings = takenBy(graph, frozenTensors(weights, method));
    const cache = createProgramCache(runtime);
    const score = createScorer(cache, { config, weights, method, rows, yieldToEventLoop });
    const program = await cache.compile(graph, { bindings });
    const [batch] = [...evaluationBatches(units, rows)];
    const feeds = feedsFor(graph, batch!.feeds);
    const accumulators = method.parameters.map(({ name, shape }) => [slots(name).gradient, zeros(shape)] as const);

    const compare = async (values: ReadonlyMap<string, Tensor<"f32">>) => {
      const scores = (await score(units, values)).map(([own]) => own!.at(-1)!);
      const { weights: trained } = feeds as { weights: Tensor<"f32"> };
      const losses: number[] = [];
      for (const place of [...trained.data.keys()].filter((at) => trained.data[at] === 1)) {
        const { loss } = await program.run({
          ...feeds,
          weights: f32(
            trained.shape,
            trained.data.map((_, at) => (at === place ? 1 : 0)),
          ),
          total: f32([], [1]),
          ...Object.fromEntries([...values, ...accumulators]),
        });
        losses.push(-Number(loss!.data[0]));
      }
      expect(losses.sort()).toEqual(scores.sort());
      return losses.join();
    };

    const before = await compare(method.initial);
    const plan = {
      gradients: graph,
      frozen: bindings,
      parameters: method.parameters,
      optimizer: ADAMW_DEFAULTS,
      schedule: { kind: "constant" as const, peak: 0.01, warmupSteps: 0, totalSteps: 100 },
      batches: () => [{ feeds, trainedTokens: units.length }],
    };
    const end = await train(runtime, plan, initialState(method.parameters, method.initial));
    expect(end.step).toBe(100);
    expect(await compare(parameterValues(end, method.parameters))).not.toBe(before);
    await cache.dispose();
  });
});

it("withTokenColumn adds a column beside those that are there", () => {
  const [ids, labels] = [Int32Array.of(1, 2), Int32Array.of(-100, 2)];
  const scores = Float32Array.of(0, -3);
  const unit: Unit = { examples: [{ ids, labels, columns: { score: 1 } }], columns: { margin: 2 } };
  expect(withTokenColumn([unit], "reference", [[scores]])).toEqual([
    { examples: [{ ids, labels, columns: { score: 1, reference: scores } }], columns: { margin: 2 } },
  ]);
});
