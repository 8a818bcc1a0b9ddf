import { IGNORED_LABEL } from "../../shared/model/chat-template.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import type { Weights } from "../../shared/model/weights.ts";
import type { AttachedMethod } from "../../shared/peft/method.ts";
import type { Tensor } from "../../shared/tensor.ts";
import { evaluationBatches, type RowOptions } from "../data/batches.ts";
import { packBestFit, unpacked } from "../data/packing.ts";
import type { Executor } from "../engines/executor.ts";
import { takenBy } from "../engines/feeds.ts";
import { frozenTensors, scoringGraph } from "./causal-graphs.ts";
import type { RecipeContext } from "./recipe.ts";
import { withVirtualTokens } from "./supervised-data.ts";

/** A prompt and what was generated after it, at least one token each; placeholders of virtual tokens are not among them. */
export interface Continuation {
  readonly prompt: readonly number[];
  readonly tokens: readonly number[];
}

/** Says how likely texts are under a method's parameters. */
export interface Scorer {
  /** The natural logarithm of the probability of every token of each continuation, [its length]. */
  score(values: ReadonlyMap<string, Tensor>, texts: readonly Continuation[]): Promise<Float32Array[]>;
  dispose(): Promise<void>;
}

export interface ScorerOptions {
  readonly config: ModelConfig;
  readonly weights: Weights;
  readonly method: AttachedMethod;
  /** A row holds the longest text with the method's virtual tokens before it. */
  readonly rows: RowOptions;
  /** Waited for after every batch. */
  readonly breathe: RecipeContext["breathe"];
}

/**
 * Scores generated tokens by the training graph's own forward pass, compiled once: what an objective must compare its own
 * log-probabilities with. A generator computes the same by other sums, and differs by some roundings; a training graph without
 * dropout that gets a text in a row of the same length at the same place gives the same bits.
 */
export async function createScorer(executor: Executor, options: ScorerOptions): Promise<Scorer> {
  const { config, weights, method, rows, breathe } = options;
  const { shape, packing, padId } = rows;
  const graph = scoringGraph({ config, method, shape });
  const program = await executor.compile(graph, { bindings: takenBy(graph, frozenTensors(weights, method)) });
  return {
    async score(values, texts) {
      const virtual = method.virtualTokens ?? 0;
      const examples = withVirtualTokens(texts.map(labelled), virtual, padId);
      const lengths = examples.map(({ ids }) => ids.length);
      const laidOut = packing ? packBestFit(lengths, shape.tokens) : unpacked(lengths);
      const scores = texts.map(({ tokens }) => new Float32Array(tokens.length));
      await program.hold(Object.fromEntries(takenBy(graph, values)));
      let batch = 0;
      for (const { feeds } of evaluationBatches(examples, rows)) {
        const { tokens, positions, segments, targets } = feeds;
        const { logprobs } = await program.run({ tokens, positions, segments, targets });
        const data = logprobs!.data as Float32Array;
        for (const [row, members] of laidOut.slice(batch, batch + shape.rows).entries()) {
          let end = row * shape.tokens;
          for (const index of members) {
            end += lengths[index]!;
            // What follows the last token of a text is predicted, but not known; every other place predicts the token after it.
            const score = scores[index]!;
            score.set(data.subarray(end - 1 - score.length, end - 1));
          }
        }
        batch += shape.rows;
        await breathe();
      }
      return scores;
    },
    dispose: () => program.dispose(),
  };
}

/** With the continuation as what is to be learnt. */
function labelled({ prompt, tokens }: Continuation) {
  return {
    ids: Int32Array.from([...prompt, ...tokens]),
    labels: Int32Array.from([...prompt.map(() => IGNORED_LABEL), ...tokens]),
  };
}
