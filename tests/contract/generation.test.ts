import { describe, expect, it, vi } from "vitest";
import { loadModelFolder } from "../../shared/model/model-folder.ts";
import type { PeftType } from "../../shared/peft/registry.ts";
import { createRandom } from "../../shared/random.ts";
import { unitsWithVirtualTokens } from "../../trainer/data/virtual-tokens.ts";
import { Generator } from "../../trainer/eval/generator.ts";
import { createProgramCache } from "../../trainer/loop/program-cache.ts";
import { frozenTensors } from "../../trainer/recipes/causal-graphs.ts";
import { createScorer } from "../../trainer/recipes/scorer.ts";
import { continuation } from "../support/continuation.ts";
import { attached, moved, settingsOf } from "../support/peft.ts";
import { tinyModel } from "../trainer/tiny-model.ts";
import { EXECUTORS } from "./executors.ts";
import { PEFT_CASES } from "./peft-cases.ts";

vi.setConfig({ testTimeout: 120_000 });

const { config, weights } = loadModelFolder(tinyModel());
const random = createRandom(9, "prompts");
const PROMPTS = [4, 11, 1, 7].map((length, i) => ({
  tokens: Array.from({ length }, () => random.below(config.vocabSize)),
  samples: 1 + (i % 2),
}));
const SETTINGS = { temperature: 1, maxTokens: 6, isEnd: (token: number) => token % 11 === 0, seed: 2 };
const COMBINED = [
  [{ type: "prefix", num_virtual_tokens: 3, use_gating: true }, { type: "lora", r: 2 }, { type: "prompt" }],
  [{ type: "qlora", r: 2 }, { type: "bottleneck" }],
];
const cases: readonly (readonly [string, object | readonly object[]])[] = [
  ...(Object.keys(PEFT_CASES) as PeftType[]).flatMap((type) =>
    PEFT_CASES[type].map(({ settings }) => [`${type} ${JSON.stringify(settings)}`, { type, ...settings }] as const),
  ),
  ...COMBINED.map((list) => [JSON.stringify(list), list] as const),
];

describe.each(EXECUTORS)("generation on %s", async (name, create) => {
  const executor = await create();
  const all =
    name === "onnxruntime" ? cases : cases.filter((_, i) => i % 4 === 0 || i >= cases.length - COMBINED.length);

  it.each(all)(
    "gives the log-probabilities of the training graph, before and after an update: %s",
    async (_, given) => {
      const settings = Array.isArray(given) ? given.map(settingsOf) : settingsOf(given);
      const method = attached(settings, { config, weights });
      const frozen = frozenTensors(weights, method);
      const { prefixTokens = 0 } = method;
      const rows = { shape: { rows: 2, tokens: 60 }, packing: false, padId: 0 };
      const capacity = prefixTokens + rows.shape.tokens;
      const generator = await Generator.create(executor, { config, frozen, method, slots: 3, capacity });
      const cache = createProgramCache(executor);
      const score = createScorer(cache, { config, weights, method, rows, yieldToEventLoop: async () => {} });
      const drawn: string[] = [];
      for (const values of [method.initial, moved(method.initial)]) {
        await generator.use(values);
        const results = await generator.generate(PROMPTS, SETTINGS);
        const texts = results.flatMap((samples, i) => samples.map((one) => ({ ...one, prompt: PROMPTS[i]!.tokens })));
        expect(texts).toHaveLength(6);
        const units = texts.map(({ prompt, tokens }) => continuation(prompt, tokens));
        const { virtualTokens = 0 } = method;
        const scores = await score(unitsWithVirtualTokens(units, virtualTokens, 0), values);
        for (const [i, { prompt, tokens, logprobs }] of texts.entries()) {
          expect(logprobs).toHaveLength(tokens.length);
          const scored = [...scores[i]![0]!.subarray(virtualTokens + prompt.length)];
          // Only onnxruntime promises the same bits.
          if (name === "onnxruntime") expect(logprobs).toEqual(scored);
          else for (const [at, one] of scored.entries()) expect(logprobs[at]).toBeCloseTo(one, 4);
        }
        drawn.push(JSON.stringify(texts));
      }
      expect(drawn[1]).not.toBe(drawn[0]);
      await Promise.all([generator.dispose(), cache.dispose()]);
    },
  );
});
