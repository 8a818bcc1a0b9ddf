import { describe, expect, it } from "vitest";
import { type ModelConfig, parseModelConfig } from "../../../shared/model/config.ts";
import { initialWeights } from "../../../shared/model/init.ts";
import type { Weights } from "../../../shared/model/weights.ts";
import { createRandom } from "../../../shared/random.ts";
import type { Tensor } from "../../../shared/tensor.ts";
import { evaluationBatches, stepBatches } from "../../../trainer/data/batches.ts";
import { unitsWithVirtualTokens } from "../../../trainer/data/virtual-tokens.ts";
import { takenBy } from "../../../trainer/engines/feeds.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { Generator } from "../../../trainer/eval/generator.ts";
import { createProgramCache } from "../../../trainer/loop/program-cache.ts";
import { train } from "../../../trainer/loop/train.ts";
import { initialState, parameterValues } from "../../../trainer/loop/training-state.ts";
import { ADAMW_DEFAULTS } from "../../../trainer/optim/adamw.ts";
import { feedsFor, frozenTensors, outputGraph, trainingGraph } from "../../../trainer/recipes/causal-graphs.ts";
import { createScorer } from "../../../trainer/recipes/scorer.ts";
import { continuation } from "../../support/continuation.ts";
import { attached, NO_METHOD } from "../../support/peft.ts";

interface Case {
  readonly model: object;
  readonly peft: object | readonly object[];
  /** T: the row length, and the number of rows. */
  readonly rows: { readonly rows: number; readonly tokens: number };
  readonly threads: number;
  readonly slots: number;
}

const TINY = {
  model_type: "llama",
  vocab_size: 97,
  hidden_size: 32,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  intermediate_size: 48,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  max_position_embeddings: 256,
  tie_word_embeddings: true,
};
const EACH_HEAD = { ...TINY, num_key_value_heads: 4, tie_word_embeddings: false, vocab_size: 131 };
const ONE_HEAD = { ...TINY, num_key_value_heads: 1 };
const BROAD = { ...TINY, hidden_size: 272, head_dim: 32, intermediate_size: 300, num_hidden_layers: 1 };
const BIASED = { ...BROAD, model_type: "qwen2", num_attention_heads: 5, num_key_value_heads: 5 };
const WIDE = { ...TINY, hidden_size: 160, head_dim: 192, num_attention_heads: 2, num_key_value_heads: 1 };
const UNEVEN = { ...TINY, hidden_size: 50, head_dim: 10, intermediate_size: 71, num_key_value_heads: 2 };

const LORA = { type: "lora", r: 8, target_modules: "all-linear" };
const SHORT = { rows: 2, tokens: 48 };
/** More than a block of sums, and no multiple of what a cache grows by. */
const LONG = { rows: 2, tokens: 150 };
const cases: Readonly<Record<string, Case>> = {
  "LoRA, grouped heads": { model: TINY, peft: LORA, rows: LONG, threads: 1, slots: 5 },
  "LoRA on two threads": { model: BROAD, peft: LORA, rows: LONG, threads: 2, slots: 8 },
  "LoRA of rank 1, a key head for each query head": {
    model: EACH_HEAD,
    peft: { ...LORA, r: 1 },
    rows: LONG,
    threads: 1,
    slots: 4,
  },
  "LoRA of rank 48, two threads": { model: BROAD, peft: { ...LORA, r: 48 }, rows: LONG, threads: 2, slots: 8 },
  "DoRA, one key head": { model: ONE_HEAD, peft: { ...LORA, type: "dora" }, rows: SHORT, threads: 1, slots: 3 },
  "IA3, biases": { model: BIASED, peft: { type: "ia3" }, rows: SHORT, threads: 2, slots: 4 },
  "prefix, heads wider than a block": {
    model: WIDE,
    peft: { type: "prefix", num_virtual_tokens: 5 },
    rows: LONG,
    threads: 1,
    slots: 4,
  },
  "prompt, uneven sizes": {
    model: UNEVEN,
    peft: { type: "prompt", num_virtual_tokens: 7 },
    rows: { rows: 2, tokens: 71 },
    threads: 1,
    slots: 4,
  },
  "prefix and LoRA": {
    model: EACH_HEAD,
    peft: [{ type: "prefix", num_virtual_tokens: 3 }, LORA],
    rows: { rows: 1, tokens: 130 },
    threads: 1,
    slots: 1,
  },
  "every weight": { model: EACH_HEAD, peft: { type: "full" }, rows: LONG, threads: 1, slots: 6 },
  "every weight, two threads, biases": { model: BIASED, peft: { type: "full" }, rows: LONG, threads: 2, slots: 6 },
};

function textsOf(config: ModelConfig, longest: number) {
  const random = createRandom(4, "prompts");
  return [1, 9, 60, 3, 31, 13].map((length, i) => ({
    tokens: Array.from({ length: Math.min(length, longest) }, () => random.below(config.vocabSize)),
    samples: 1 + (i % 3),
  }));
}

describe("the sampled log-probability of every token equals the scored one, bit for bit", { timeout: 120_000 }, () => {
  it.each(Object.entries(cases))("%s", async (_, { model, peft, rows: shape, threads, slots }) => {
    const config = parseModelConfig(model);
    const weights: Weights = initialWeights(config, 7);
    const executor = createOnnxRuntimeExecutor({ threads });
    const cache = createProgramCache(executor);
    const method = attached(peft, { config, weights });
    const frozen = frozenTensors(weights, method);
    const { prefixTokens = 0, virtualTokens = 0 } = method;
    const rows = { shape, packing: false, padId: 0 };
    const capacity = prefixTokens + shape.tokens;
    const generator = await Generator.create(executor, { config, frozen, method, slots, capacity });
    const score = createScorer(cache, { config, weights, method, rows, yieldToEventLoop: async () => {} });
    const prompts = textsOf(config, shape.tokens >> 1);
    const maxTokens = (shape.tokens >> 1) - virtualTokens;
    const place = (units: ReturnType<typeof continuation>[]) => unitsWithVirtualTokens(units, virtualTokens, 0);

    const compare = async (values: ReadonlyMap<string, Tensor>, settings: { temperature: number; topP?: number }) => {
      await generator.use(values);
      // Texts end at different lengths, so that rows leave and join.
      const isEnd = (token: number) => token % 29 === 5;
      const generated = await generator.generate(prompts, { ...settings, maxTokens, isEnd, seed: 3 });
      const texts = generated.flatMap((samples, i) => samples.map((one) => ({ ...one, prompt: prompts[i]!.tokens })));
      expect(new Set(texts.map(({ tokens }) => tokens.length)).size).toBeGreaterThan(3);
      const scores = await score(place(texts.map(({ prompt, tokens }) => continuation(prompt, tokens))), values);
      let most = 0;
      for (const [i, { prompt, tokens, logprobs }] of texts.entries()) {
        const scored = scores[i]![0]!.subarray(virtualTokens + prompt.length);
        expect([logprobs.length, scored.length]).toEqual([tokens.length, tokens.length]);
        for (const [at, one] of logprobs.entries()) most = Math.max(most, Math.abs(one - scored[at]!));
      }
      expect(most).toBe(0);
      return texts;
    };

    const texts = await compare(method.initial, { temperature: 1 });
    const units = place(texts.slice(0, 2).map(({ prompt, tokens }) => continuation(prompt, tokens)));
    const graph = trainingGraph({ config, method, shape });
    const batches = stepBatches([units], rows).map(({ feeds, trainedTokens }) => {
      return { feeds: feedsFor(graph, feeds), trainedTokens };
    });
    const plan = {
      gradients: graph,
      frozen,
      parameters: method.parameters,
      optimizer: ADAMW_DEFAULTS,
      schedule: { kind: "constant" as const, peak: 0.003, warmupSteps: 0, totalSteps: 100 },
      batches: () => batches,
    };
    const end = await train(cache, plan, initialState(method.parameters, method.initial));
    expect(end.step).toBe(100);
    const later = await compare(parameterValues(end, method.parameters), { temperature: 0.9, topP: 0.95 });
    expect(later).not.toEqual(texts);
    await Promise.all([generator.dispose(), cache.dispose()]);
  });

  it("at a policy's own temperature too", async () => {
    const config = parseModelConfig(BROAD);
    const weights = initialWeights(config, 7);
    const executor = createOnnxRuntimeExecutor({ threads: 2 });
    const shape = { rows: 4, tokens: 64 };
    const temperature = 0.7;
    const generator = await Generator.create(executor, {
      config,
      frozen: weights,
      slots: 4,
      capacity: 64,
      temperature,
    });
    const prompts = textsOf(config, 32);
    const generated = await generator.generate(prompts, { temperature: 1, maxTokens: 20, isEnd: () => false });
    const units = generated.flatMap((samples, i) =>
      samples.map(({ tokens }) => continuation(prompts[i]!.tokens, tokens)),
    );
    const graph = outputGraph("policy", { config, method: NO_METHOD, shape }, (context) => ({
      log_probabilities: context.scores({ temperature }).logProbabilities,
    }));
    const program = await executor.compile(graph, { bindings: takenBy(graph, weights) });
    const scored: number[] = [];
    for (const { feeds, places } of evaluationBatches(units, { shape, packing: false, padId: 0 })) {
      const outputs = await program.run(feedsFor(graph, feeds));
      const flat = outputs.log_probabilities!.data as Float32Array;
      for (const { start, length } of places) scored.push(...flat.subarray(start + length - 21, start + length - 1));
    }
    expect(generated.flat().flatMap(({ logprobs }) => logprobs)).toEqual(scored);
    await Promise.all([generator.dispose(), program.dispose()]);
  });
});
