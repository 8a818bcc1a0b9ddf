import type { ModelConfig } from "../../../shared/model/config.ts";
import type { BatchShape } from "../../../shared/model/training-forward.ts";
import type { AttachedMethod } from "../../../shared/peft/method.ts";
import type { Tensor } from "../../../shared/tensor.ts";
import { longestOf, type TokenizedExample, type Unit, unitsOf } from "../../data/units.ts";
import { unitsWithVirtualTokens } from "../../data/virtual-tokens.ts";
import type { Executor } from "../../engines/executor.ts";
import { Generator } from "../../eval/generator.ts";
import { createProgramCache } from "../../loop/program-cache.ts";
import type { ReplyOptions, Subject } from "../../report/subject.ts";
import { frozenTensors } from "../causal-graphs.ts";
import type { PreparedRun } from "../prepare-run.ts";
import { createScorer } from "../scorer.ts";

export interface RunSubjectOptions {
  readonly executor: Executor;
  readonly run: Pick<PreparedRun, "config" | "weights" | "tokenizer">;
  readonly method: AttachedMethod;
  /** Of the method's parameters. */
  readonly values: ReadonlyMap<string, Tensor>;
  /** Tokens that end a reply. */
  readonly endTokens: ReadonlySet<number>;
  /** The most tokens of a prompt and its reply. */
  readonly room: number;
  readonly seed: number;
  readonly yieldToEventLoop: () => Promise<void>;
}

/** Replies that are decoded together: enough to fill a machine, few enough for the caches of a model of some billions. */
const SLOTS = 32;
/** A micro-batch of texts that are only read: its tokens, and its logits, which are in memory at once. It holds one text at least. */
const MOST_TOKENS = 2_048;
const MOST_LOGITS = 1 << 23;
/** Rows end at a multiple of this; kernels like even sizes. */
const EVEN = 16;

/** A run's model as a report asks it, under certain values of its parameters. */
export async function openRunSubject(options: RunSubjectOptions): Promise<Subject> {
  const { executor, run, method, values, endTokens, seed, yieldToEventLoop } = options;
  const { config, weights, tokenizer } = run;
  const { virtualTokens = 0, prefixTokens = 0 } = method;
  const kept = createProgramCache(executor);
  let generator: Generator | undefined;
  const breaksLine = (token: number) => tokenizer.textOf(token).includes("\n");

  async function generatorFor(): Promise<Generator> {
    if (generator !== undefined) return generator;
    const capacity = Math.min(config.maxPositions, prefixTokens + virtualTokens + options.room);
    const frozen = frozenTensors(weights, method);
    generator = await Generator.create(executor, { config, frozen, method, slots: SLOTS, capacity });
    await generator.use(values);
    return generator;
  }

  return {
    async reply(prompts, { maxTokens, temperature, samples = 1, line = false }: ReplyOptions) {
      if (prompts.length === 0) return [];
      const results = await (await generatorFor()).generate(
        prompts.map((tokens) => ({ tokens: [...tokens], samples })),
        {
          ...{ maxTokens, temperature, seed, yieldToEventLoop },
          isEnd: (token) => endTokens.has(token) || (line && breaksLine(token)),
          logprobs: temperature > 0,
        },
      );
      return results.map((replies) =>
        replies.map(({ tokens, logprobs, ended }) => {
          const text = tokenizer.decode(ended ? tokens.slice(0, -1) : tokens, { skipSpecial: true });
          return { tokens, logprobs, ended, text };
        }),
      );
    },
    async logProbabilities(examples: readonly TokenizedExample[]) {
      if (examples.length === 0) return [];
      const units = unitsWithVirtualTokens(unitsOf(examples), virtualTokens, tokenizer.padId);
      const rows = { shape: shapeFor(config, units), packing: true, padId: tokenizer.padId };
      const score = createScorer(kept, { config, weights, method, rows, yieldToEventLoop });
      const scores = await score(units, values);
      // Every call has a shape of its own, so its program will not be used again.
      await kept.clear();
      return scores.map(([only]) => only!.subarray(virtualTokens));
    },
    async close() {
      await Promise.all([generator?.dispose(), kept.dispose()]);
    },
  };
}

/** Rows as long as the longest text, and as many as the batch may have or the texts can fill. */
function shapeFor({ vocabSize, maxPositions }: ModelConfig, units: readonly Unit[]): BatchShape {
  const longest = longestOf(units);
  const tokens = Math.max(longest, Math.min(Math.ceil(longest / EVEN) * EVEN, maxPositions));
  const most = Math.floor(Math.min(MOST_TOKENS, MOST_LOGITS / vocabSize) / tokens);
  return { rows: Math.max(1, Math.min(most, units.length)), tokens };
}
