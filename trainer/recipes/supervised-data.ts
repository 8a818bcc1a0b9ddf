import { parseTrainingFile } from "../../shared/data/training-lines.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { IGNORED_LABEL } from "../../shared/model/chat-template.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import type { Tokenizer } from "../../shared/model/tokenizer.ts";
import { type TokenizedDataset, type TokenizedExample, tokenizeDataset } from "../data/examples.ts";
import type { Dataset, RecipeContext } from "./recipe.ts";

export interface ReadOptions {
  readonly config: ModelConfig;
  readonly tokenizer: Tokenizer;
  /** Tokens; longer examples are cut. */
  readonly maxLength: number;
  /** When the job was created, which chat templates write as today's date. */
  readonly date: Date;
  /** The job's field that names the file. */
  readonly param: "training_file" | "validation_file";
}

/**
 * The longest text of a run: `max_length`, or what the method's own positions leave of the model's context. Throws
 * `invalid_request` when the job asks for more than the model can see.
 */
export function longestSequence(
  { maxPositions }: ModelConfig,
  maxLength: number | undefined,
  methodPositions: number,
): number {
  const room = maxPositions - methodPositions;
  if (maxLength === undefined || maxLength <= room) return maxLength ?? room;
  const taken = methodPositions === 0 ? "" : `, of which the method takes ${methodPositions}`;
  throw new TrimtabError(
    "invalid_request",
    `\`max_length\` is ${maxLength}, but the model's context has ${maxPositions} tokens${taken}: ask for at most ${room}.`,
    { param: "method.supervised.hyperparameters.max_length" },
  );
}

/** The examples with `count` placeholders before each, which nothing is learnt from. */
export function withVirtualTokens(
  examples: readonly TokenizedExample[],
  count: number,
  padId: number,
): readonly TokenizedExample[] {
  if (count === 0) return examples;
  const after = (placeholder: number, values: Int32Array) => {
    const result = new Int32Array(count + values.length).fill(placeholder, 0, count);
    result.set(values, count);
    return result;
  };
  return examples.map(({ ids, labels }) => ({ ids: after(padId, ids), labels: after(IGNORED_LABEL, labels) }));
}

/**
 * Encodes a dataset and reports how many of its examples were kept, cut and left out. Throws `invalid_file`,
 * `invalid_dataset` or `invalid_model` with what to change.
 */
export async function readDataset(
  dataset: Dataset,
  options: ReadOptions,
  { event, breathe }: Pick<RecipeContext, "event" | "breathe">,
): Promise<TokenizedDataset> {
  const { config, tokenizer, maxLength, date, param } = options;
  const lines = parseTrainingFile(dataset.bytes, { name: dataset.name });
  const read = await tokenizeDataset(lines, { tokenizer, maxLength, date, param, breathe });
  const isForeign = (id: number) => id >= config.vocabSize;
  const foreign = read.examples.find(({ ids }) => ids.some(isForeign))?.ids.find(isForeign);
  if (foreign !== undefined) {
    throw new TrimtabError(
      "invalid_model",
      `the tokenizer gives the id ${foreign}, but the model's vocab_size is ${config.vocabSize}: they do not belong together`,
    );
  }
  const { kept, truncated, dropped, tokens, trainableTokens } = read.counts;
  const counts = `${kept} kept (${truncated} of them truncated to ${maxLength} tokens), ${dropped} dropped`;
  event({
    level: truncated + dropped > 0 ? "warn" : "info",
    message: [`${dataset.name}: ${counts}; ${trainableTokens} of ${tokens} tokens are trained on`, ...read.notes].join(
      "\n",
    ),
    type: "message",
    data: { file: param, ...read.counts },
  });
  return read;
}
