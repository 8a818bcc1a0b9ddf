import type { AttachedMethod } from "../../../shared/peft/method.ts";
import type { Tensor } from "../../../shared/tensor.ts";
import { chooseBatchShape } from "../../data/batch-shape.ts";
import { sizeOf } from "../../data/shared-prompts.ts";
import { type TokenizedExample, unitsOf } from "../../data/units.ts";
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
  readonly seed: number;
  readonly yieldToEventLoop: () => Promise<void>;
}

/** Replies that are decoded together: enough to fill a machine, few enough for the caches of a model of some billions. */
const SLOTS = 32;
/** Positions that prompts of a report usually take with their replies; longer ones grow the caches. */
const LEAST_ROOM = 64;

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
    // Memory is taken as texts grow, so the whole context costs nothing.
    const capacity = Math.max(LEAST_ROOM, config.maxPositions);
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
      const sizes = units.map((unit) => sizeOf(unit, false));
      const limit = config.maxPositions - prefixTokens;
      const shape = chooseBatchShape({ config, groups: [sizes], units: sizes, limit, packing: true });
      const rows = { shape, packing: true, padId: tokenizer.padId };
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
