import { loadModelFolder, type ModelFiles } from "../../../shared/model/model-folder.ts";
import { attachMethods } from "../../../shared/peft/combine.ts";
import { ChosenSettings } from "../../../shared/peft/presets.ts";
import type { Executor } from "../../../trainer/engines/executor.ts";
import { Generator } from "../../../trainer/eval/generator.ts";
import { frozenTensors } from "../../../trainer/recipes/causal-graphs.ts";
import type { Taken } from "../peer.ts";

export interface GenerationOptions {
  readonly files: ModelFiles;
  readonly executor: Executor;
  readonly prompts: readonly (readonly number[])[];
  readonly newTokens: number;
  /** The tokens that end a reply; none for replies of one length. */
  readonly stops: readonly number[];
  readonly slots: number;
  readonly lora: { readonly r: number; readonly lora_alpha: number };
}

/** Samples replies with the adapter beside the weights, as a rollout does, with their log-probabilities. */
export async function openGeneration(options: GenerationOptions) {
  const { files, executor, prompts, newTokens, stops, slots, lora } = options;
  const isEnd = (token: number) => stops.includes(token);
  const { config, weights, tokenizer } = loadModelFolder(files);
  const method = attachMethods({
    ...{ config, weights, seed: 1, param: "peft" },
    settings: ChosenSettings.parse({ type: "lora", ...lora, target_modules: "all-linear" }),
    encode: (text) => tokenizer.encode(text),
  });
  const capacity = newTokens + Math.max(...prompts.map(({ length }) => length));
  const frozen = frozenTensors(weights, method);
  const generator = await Generator.create(executor, { config, frozen, method, slots, capacity });
  return {
    /** The replies of one run, with their prompts. */
    async replies() {
      const settings = { maxTokens: newTokens, temperature: 1, isEnd, seed: 1 };
      const results = await generator.generate(
        prompts.map((tokens) => ({ tokens })),
        settings,
      );
      return results.map(([only], i) => ({ prompt: prompts[i]!, tokens: only!.tokens, logprobs: only!.logprobs }));
    },
    async take(seed: number): Promise<Taken & { readonly tokens: number }> {
      const [start, cpu] = [performance.now(), process.cpuUsage()];
      const results = await generator.generate(
        prompts.map((tokens) => ({ tokens })),
        { maxTokens: newTokens, temperature: 1, isEnd, seed },
      );
      const { user, system } = process.cpuUsage(cpu);
      const seconds = (performance.now() - start) / 1000;
      return {
        ...{ seconds, cpu: (user + system) / 1e6 },
        tokens: results.flat().reduce((sum, { tokens }) => sum + tokens.length, 0),
      };
    },
    dispose: () => generator.dispose(),
  };
}
