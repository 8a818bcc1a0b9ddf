import { IGNORED_LABEL } from "../../../shared/model/chat-template.ts";
import { loadModelFolder } from "../../../shared/model/model-folder.ts";
import type { AttachedMethod } from "../../../shared/peft/method.ts";
import type { Tensor } from "../../../shared/tensor.ts";
import type { TokenizedExample } from "../../../trainer/data/examples.ts";
import { unitsOf } from "../../../trainer/data/units.ts";
import { withVirtualTokens } from "../../../trainer/data/virtual-tokens.ts";
import type { Executor } from "../../../trainer/engines/executor.ts";
import { frozenTensors, predictionGraph } from "../../../trainer/recipes/causal-graphs.ts";
import { createEvaluator } from "../../../trainer/recipes/evaluator.ts";
import type { BaseFolder } from "../../../trainer/recipes/recipe.ts";
import { isRightReply } from "./answers.ts";
import { greedyReplies } from "./greedy.ts";
import { baseText, examplesOf, sailor } from "./task.ts";

/** A method's quality on data that it was not trained on. */
export interface Quality {
  /** Mean over the validation file's answers, in nats per token. */
  readonly heldOutLoss: number;
  /** Share of the validation file's questions whose greedy reply is right; see `isRightReply`. */
  readonly rightAnswers: number;
  /** Mean over text like the base's training data, in nats per token. */
  readonly baseTextLoss: number;
  /** The reply to the first question. */
  readonly sample: string;
}

export interface MeasureOptions {
  readonly executor: Executor;
  readonly base: BaseFolder;
  readonly method: AttachedMethod;
  readonly values: ReadonlyMap<string, Tensor>;
  /** How many questions and documents to measure; defaults to all. */
  readonly samples?: number | undefined;
}

const EVALUATION_ROWS = 8;
const ANSWERED_ROWS = 16;
/** How many tokens longer than the reference a reply may be. */
const MARGIN = 16;

/** Measures everything with the method's training graph without dropout, so that all methods are measured alike. */
export async function measureQuality(options: MeasureOptions): Promise<Quality> {
  const { tokenizer } = loadModelFolder(options.base.files);
  const questions = (await examplesOf(await sailor("validation"), tokenizer)).slice(0, options.samples);
  const { rightAnswers, sample } = await askAll(questions, options);
  return {
    heldOutLoss: await lossOn(questions, options),
    rightAnswers,
    baseTextLoss: await lossOn(baseText(tokenizer).slice(0, options.samples), options),
    sample,
  };
}

async function lossOn(examples: readonly TokenizedExample[], options: MeasureOptions): Promise<number> {
  const { executor, base, method, values } = options;
  const { config, weights, tokenizer } = loadModelFolder(base.files);
  const placed = withVirtualTokens(examples, method.virtualTokens ?? 0, tokenizer.padId);
  const shape = { rows: EVALUATION_ROWS, tokens: longest(placed) };
  const evaluator = await createEvaluator(executor, {
    config,
    weights,
    method,
    rows: { shape, packing: true, padId: tokenizer.padId },
    yieldToEventLoop: async () => undefined,
  });
  try {
    return (await evaluator.measure(values, unitsOf(placed))).loss;
  } finally {
    await evaluator.dispose();
  }
}

async function askAll(
  examples: readonly TokenizedExample[],
  { executor, base, method, values }: MeasureOptions,
): Promise<Pick<Quality, "rightAnswers" | "sample">> {
  const { config, weights, tokenizer } = loadModelFolder(base.files);
  const drafts = withVirtualTokens(examples, method.virtualTokens ?? 0, tokenizer.padId).map(({ ids, labels }) => {
    const start = labels.findIndex((label) => label !== IGNORED_LABEL);
    return { prompt: [...ids.subarray(0, start)], guess: [...ids.subarray(start)] };
  });
  const shape = {
    rows: ANSWERED_ROWS,
    tokens: MARGIN + Math.max(...drafts.map(({ prompt, guess }) => prompt.length + guess.length)),
  };
  const isEnd = (token: number) => token === tokenizer.eosId || token === tokenizer.padId;
  const textOf = (tokens: readonly number[]) => tokenizer.decode(tokens.filter((token) => !isEnd(token))).trim();
  const program = await executor.compile(predictionGraph({ config, method, shape }), {
    bindings: frozenTensors(weights, method),
  });
  const replies: string[] = [];
  try {
    for (let at = 0; at < drafts.length; at += ANSWERED_ROWS) {
      const asked = drafts.slice(at, at + ANSWERED_ROWS);
      const given = await greedyReplies(asked, {
        program,
        shape,
        values: Object.fromEntries(values),
        padId: tokenizer.padId,
        isEnd,
      });
      replies.push(...given.map(textOf));
    }
  } finally {
    await program.dispose();
  }
  const right = replies.filter((reply, index) => isRightReply(reply, textOf(drafts[index]!.guess)));
  return { rightAnswers: right.length / drafts.length, sample: replies[0]! };
}

function longest(examples: readonly TokenizedExample[]): number {
  return Math.max(...examples.map(({ ids }) => ids.length));
}
