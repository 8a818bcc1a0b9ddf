import { describe, expect, it } from "vitest";
import { createRandom } from "../../../shared/random.ts";
import type { Tensor } from "../../../shared/tensor.ts";
import { evaluationBatches } from "../../../trainer/data/batches.ts";
import { takenBy } from "../../../trainer/engines/feeds.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { train } from "../../../trainer/loop/train.ts";
import { initialState, parameterValues } from "../../../trainer/loop/training-state.ts";
import { ADAMW_DEFAULTS, slots } from "../../../trainer/optim/adamw.ts";
import { frozenTensors, trainingGraph } from "../../../trainer/recipes/causal-graphs.ts";
import { type Continuation, createScorer } from "../../../trainer/recipes/scorer.ts";
import { goldenModel, goldenOutputs } from "../../shared/model/golden-models.ts";
import { attached, NO_METHOD } from "../../support/peft.ts";

const executor = createOnnxRuntimeExecutor({ threads: 1 });
const breathe = async () => {};
const { config, weights } = await goldenModel("plain");

function texts(lengths: readonly (readonly [prompt: number, tokens: number])[]): Continuation[] {
  const random = createRandom(3, "texts");
  const some = (count: number) => Array.from({ length: count }, () => random.below(config.vocabSize));
  return lengths.map(([prompt, tokens]) => ({ prompt: some(prompt), tokens: some(tokens) }));
}

describe("createScorer", () => {
  it("gives transformers' log-probabilities", async () => {
    const { inputIds, logits } = goldenOutputs("plain");
    const [rows, length, vocabulary] = logits.shape;
    const given = Array.from({ length: rows }, (_, row) => {
      const ids = inputIds.data.slice(row * length, (row + 1) * length);
      return { prompt: ids.slice(0, 1 + row), tokens: ids.slice(1 + row) };
    });
    const layout = { shape: { rows: 1, tokens: 32 }, packing: true, padId: 0 };
    const scorer = await createScorer(executor, { config, weights, method: NO_METHOD, rows: layout, breathe });
    const scores = await scorer.score(new Map(), given);
    for (const [row, { prompt, tokens }] of given.entries()) {
      expect(scores[row]).toHaveLength(tokens.length);
      for (const [at, token] of tokens.entries()) {
        const from = (row * length + prompt.length - 1 + at) * vocabulary;
        const own = logits.data.slice(from, from + vocabulary);
        const normaliser = Math.log(own.reduce((sum, logit) => sum + Math.exp(logit), 0));
        expect(scores[row]![at]).toBeCloseTo(own[token]! - normaliser, 4);
      }
    }
    await scorer.dispose();
  });

  it.each([
    { shape: { rows: 1, tokens: 30 }, packing: true },
    { shape: { rows: 3, tokens: 30 }, packing: true },
    { shape: { rows: 4, tokens: 20 }, packing: false },
    { shape: { rows: 8, tokens: 20 }, packing: false },
  ])("gives every text its own, in rows of any kind: %o", async (layout) => {
    const given = texts([
      [3, 5],
      [1, 1],
      [12, 8],
      [2, 9],
      [6, 2],
      [1, 15],
      [4, 4],
    ]);
    const method = attached(
      { type: "prompt", num_virtual_tokens: 2, prompt_tuning_init: "RANDOM" },
      { config, weights },
    );
    let breaths = 0;
    const options = { config, weights, method, breathe: async () => void breaths++ };
    const rows = { ...layout, shape: { ...layout.shape, tokens: layout.shape.tokens + 2 }, padId: 0 };
    const scorer = await createScorer(executor, { ...options, rows });
    const scores = await scorer.score(method.initial, given);
    expect(breaths).toBeGreaterThan(0);
    const alone = await createScorer(executor, {
      ...options,
      rows: { shape: { rows: 1, tokens: 22 }, packing: false, padId: 0 },
    });
    for (const [i, text] of given.entries()) {
      const [own] = await alone.score(method.initial, [text]);
      expect(scores[i]).toHaveLength(text.tokens.length);
      for (const [at, score] of own!.entries()) expect(scores[i]![at]).toBeCloseTo(score, 4);
    }
    await Promise.all([scorer.dispose(), alone.dispose()]);
  });

  // The first step on texts just generated has a ratio of exactly 1 between new and old probabilities only if this holds.
  it("gives the bits that the training graph's loss is made of, after a hundred updates too", async () => {
    const method = attached({ type: "lora", r: 4, target_modules: "all-linear" }, { config, weights });
    const rows = { shape: { rows: 3, tokens: 24 }, packing: true, padId: 0 };
    // One token each: the loss of a text is then its log-probability.
    const given = texts([
      [5, 1],
      [9, 1],
      [14, 1],
      [2, 1],
      [7, 1],
    ]);
    const examples = given.map(({ prompt, tokens }) => ({
      ids: Int32Array.from([...prompt, ...tokens]),
      labels: Int32Array.from([...prompt.map(() => -100), ...tokens]),
    }));
    const graph = trainingGraph({ config, method, shape: rows.shape });
    const bindings = takenBy(graph, frozenTensors(weights, method));
    const scorer = await createScorer(executor, { config, weights, method, rows, breathe });
    const program = await executor.compile(graph, { bindings });
    const [all] = [...evaluationBatches(examples, rows)];
    const start = initialState(method.parameters, method.initial);

    const compare = async (values: ReadonlyMap<string, Tensor<"f32">>) => {
      const scores = await scorer.score(values, given);
      const { weights: learnt } = all!.feeds;
      const places = [...learnt.data.keys()].filter((at) => learnt.data[at] === 1);
      expect(places).toHaveLength(given.length);
      const losses: number[] = [];
      for (const place of places) {
        const only = learnt.data.map((_, at) => (at === place ? 1 : 0));
        const accumulators = method.parameters.map(({ name, shape }) => [
          slots(name).gradient,
          { dtype: "f32" as const, shape, data: new Float32Array(shape.reduce((size, dim) => size * dim, 1)) },
        ]);
        const { loss } = await program.run({
          ...all!.feeds,
          weights: { ...learnt, data: only },
          total: { dtype: "f32", shape: [], data: Float32Array.of(1) },
          ...Object.fromEntries([...values, ...(accumulators as [string, Tensor][])]),
        });
        losses.push(-Number(loss!.data[0]));
      }
      expect(losses.sort()).toEqual(scores.map(([score]) => score!).sort());
      return losses.join();
    };

    const before = await compare(method.initial);
    const plan = {
      gradients: graph,
      frozen: bindings,
      parameters: method.parameters,
      optimizer: ADAMW_DEFAULTS,
      schedule: { kind: "constant" as const, peak: 0.01, warmupSteps: 0, totalSteps: 100 },
      batches: () => [all!],
    };
    const end = await train(executor, plan, start);
    expect(end.step).toBe(100);
    expect(await compare(parameterValues(end, method.parameters))).not.toBe(before);
    await Promise.all([scorer.dispose(), program.dispose()]);
  });
});
