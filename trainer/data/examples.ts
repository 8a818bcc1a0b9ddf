import type { Example } from "../../shared/data/example.ts";
import type { TrainingLine } from "../../shared/data/training-lines.ts";
import { messageOf, TrimtabError } from "../../shared/errors.ts";
import { type ChatTemplate, IGNORED_LABEL, loadChatTemplate } from "../../shared/model/chat-template.ts";
import type { Tokenizer } from "../../shared/model/tokenizer.ts";

/** One example as ids: labels[t] is ids[t] where the model should learn to produce it, −100 elsewhere (not shifted). */
export interface TokenizedExample {
  readonly ids: Int32Array;
  readonly labels: Int32Array;
}

/** Why an example cannot be trained on. */
export const DROP_REASONS = ["nothing_to_learn", "reply_beyond_limit", "refused_by_template"] as const;
export type DropReason = (typeof DROP_REASONS)[number];

/** What became of the lines of a dataset: nothing is left out in silence. */
export interface DatasetCounts {
  readonly kept: number;
  /** Of the kept ones, how many were cut to the limit. */
  readonly truncated: number;
  readonly dropped: number;
  readonly droppedFor: Readonly<Record<DropReason, number>>;
  /** Tokens in the kept examples. */
  readonly tokens: number;
  /** Tokens that the loss is taken over. */
  readonly trainableTokens: number;
}

export interface TokenizedDataset {
  readonly examples: readonly TokenizedExample[];
  readonly counts: DatasetCounts;
  /** The first dropped lines and what was wrong with them, for a person to read. */
  readonly notes: readonly string[];
}

export interface TokenizeOptions {
  readonly tokenizer: Tokenizer;
  /** The model's own template by default; only read when the dataset holds chats. */
  readonly chatTemplate?: ChatTemplate;
  /** What the model's own template writes as today's date. A resumed job has to pass the same date again. */
  readonly date?: Date;
  /** Longer examples are cut at the end, in tokens. */
  readonly maxLength: number;
  /** The field of the job that an error names; `training_file` by default. */
  readonly param?: string;
  /** Waited for now and then: encoding keeps the thread, and a large dataset would keep it for minutes. */
  readonly breathe?: () => Promise<void>;
}

/** Tokens between two breaths, of which each is a fraction of a second's work. */
const TOKENS_OF_A_BREATH = 16_384;

const MAX_NOTES = 5;

/**
 * Encodes a dataset and says which tokens to learn: in chats the assistant's turns, in completions the completion and the
 * end-of-text token after it. Throws `invalid_dataset`, saying what to change, when not one token would be trained on or
 * a line uses what the model's template does not show; `invalid_model` when there are chats and no usable template.
 */
export async function tokenizeDataset(
  lines: Iterable<TrainingLine>,
  options: TokenizeOptions,
): Promise<TokenizedDataset> {
  const { tokenizer, maxLength, date, breathe } = options;
  let template = options.chatTemplate;
  const examples: TokenizedExample[] = [];
  const droppedFor: Record<DropReason, number> = { nothing_to_learn: 0, reply_beyond_limit: 0, refused_by_template: 0 };
  const notes: string[] = [];
  let truncated = 0;
  let tokens = 0;
  let trainableTokens = 0;
  let sinceBreath = 0;

  function drop(line: number, reason: DropReason, detail: string): void {
    droppedFor[reason] += 1;
    if (notes.length < MAX_NOTES) notes.push(`line ${line} is left out: ${detail}`);
  }

  for (const { line, example } of lines) {
    if (example.kind === "chat") template ??= loadChatTemplate(tokenizer, { clock: date && (() => date) });
    const encoded = encode(line, example, tokenizer, template, (detail) => drop(line, "refused_by_template", detail));
    if (encoded === undefined) continue;
    sinceBreath += encoded.ids.length;
    if (sinceBreath >= TOKENS_OF_A_BREATH) {
      sinceBreath = 0;
      await breathe?.();
    }
    if (countTrainable(encoded.labels) === 0) {
      drop(line, "nothing_to_learn", "it has no assistant message with weight 1");
      continue;
    }
    const ids = Int32Array.from(encoded.ids.slice(0, maxLength));
    const labels = Int32Array.from(encoded.labels.slice(0, maxLength));
    const trainable = countTrainable(labels);
    if (trainable === 0) {
      drop(line, "reply_beyond_limit", `what is to be learnt begins after ${maxLength} tokens`);
      continue;
    }
    if (encoded.ids.length > maxLength) truncated += 1;
    tokens += ids.length;
    trainableTokens += trainable;
    examples.push({ ids, labels });
  }

  const dropped = DROP_REASONS.reduce((sum, reason) => sum + droppedFor[reason], 0);
  const counts = { kept: examples.length, truncated, dropped, droppedFor, tokens, trainableTokens };
  if (trainableTokens === 0) throw nothingToTrainOn(counts, notes, options);
  return { examples, counts, notes };
}

/** Labels that some position predicts: the first token follows nothing. */
function countTrainable(labels: ArrayLike<number>): number {
  let count = 0;
  for (let at = 1; at < labels.length; at++) if (labels[at] !== IGNORED_LABEL) count += 1;
  return count;
}

function encode(
  line: number,
  example: Example,
  tokenizer: Tokenizer,
  template: ChatTemplate | undefined,
  refused: (detail: string) => void,
): { ids: readonly number[]; labels: readonly number[] } | undefined {
  if (example.kind === "completion") {
    const prompt = [...tokenizer.prefix, ...tokenizer.encode(example.prompt)];
    const continues = prompt.length > 0;
    const completion = [...tokenizer.encode(example.completion, { continues }), tokenizer.eosId];
    return { ids: [...prompt, ...completion], labels: [...prompt.map(() => IGNORED_LABEL), ...completion] };
  }
  try {
    return template!.encodeExample(example.messages, { tools: example.tools });
  } catch (error) {
    if (error instanceof TrimtabError && error.code === "invalid_request") {
      refused(error.message);
      return undefined;
    }
    if (error instanceof TrimtabError && error.code === "invalid_model") throw error;
    throw new TrimtabError("invalid_dataset", `line ${line}: ${messageOf(error)}`, { cause: error, data: { line } });
  }
}

function nothingToTrainOn(
  counts: DatasetCounts,
  notes: readonly string[],
  { maxLength, param = "training_file" }: TokenizeOptions,
): TrimtabError {
  const { nothing_to_learn, reply_beyond_limit, refused_by_template } = counts.droppedFor;
  const advice = [
    nothing_to_learn > 0 &&
      `${nothing_to_learn} have no assistant message to learn: add one to each, with weight 1 or without a weight`,
    reply_beyond_limit > 0 &&
      `in ${reply_beyond_limit} the reply begins after max_length = ${maxLength} tokens: raise it or shorten what comes before`,
    refused_by_template > 0 && `the model's chat template refuses ${refused_by_template}: see the first messages`,
  ].filter((part) => part !== false);
  return new TrimtabError(
    "invalid_dataset",
    `the dataset has no token to train on; of its ${counts.dropped} examples, ${advice.join("; ")}`,
    { param, data: { counts, notes } },
  );
}
