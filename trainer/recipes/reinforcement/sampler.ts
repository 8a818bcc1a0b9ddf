import { createRandom } from "../../../shared/random.ts";
import type { Tensor } from "../../../shared/tensor.ts";
import type { Unit } from "../../data/units.ts";
import type { Executor } from "../../engines/executor.ts";
import type { Generated } from "../../eval/batch.ts";
import { Generator } from "../../eval/generator.ts";
import { frozenTensors } from "../causal-graphs.ts";
import type { RunTools } from "../objective.ts";

/** Rows that are decoded together, at most. */
const SLOTS = 32;

/** Answers prompts with given parameters, many at a time. The caller disposes it. */
export interface ReplySampler {
  /** As many replies to each prompt, in their order; equal arguments give equal replies. `stream` names the draw. */
  sample(prompts: readonly Unit[], options: SampleOptions): Promise<readonly Generated[]>;
  dispose(): Promise<void>;
}

export interface SampleOptions {
  readonly values: ReadonlyMap<string, Tensor>;
  readonly generations: number;
  readonly stream: readonly (number | string)[];
}

export interface SamplerOptions {
  readonly tools: Pick<RunTools, "config" | "weights" | "method" | "seed" | "capacity" | "yieldToEventLoop">;
  readonly executor: Executor;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly endTokens: ReadonlySet<number>;
}

/** Compiles nothing before the first sample. */
export function createReplySampler(options: SamplerOptions): ReplySampler {
  const { tools, executor, maxTokens, temperature, endTokens } = options;
  const { config, weights, method, seed, capacity, yieldToEventLoop } = tools;
  let made: Promise<Generator> | undefined;
  return {
    async sample(prompts, { values, generations, stream }) {
      made ??= Generator.create(executor, {
        ...{ config, method, slots: SLOTS, capacity, temperature },
        frozen: frozenTensors(weights, method),
      });
      const generator = await made;
      await generator.use(values);
      const replies = await generator.generate(
        prompts.map(({ examples: [prompt] }) => ({ tokens: Array.from(prompt!.ids), samples: generations })),
        {
          // The generator's logits are at the temperature of sampling already, as the loss's are.
          ...{ maxTokens, temperature: 1, yieldToEventLoop },
          isEnd: (token) => endTokens.has(token),
          seed: createRandom(seed, "replies", ...stream).uint32(),
        },
      );
      return replies.flat();
    },
    dispose: async () => (await made)?.dispose(),
  };
}
