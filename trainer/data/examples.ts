import type { Example } from "../../shared/data/example.ts";
import type { TrainingLine } from "../../shared/data/training-lines.ts";
import { messageOf, TrimtabError } from "../../shared/errors.ts";
import { type ChatTemplate, IGNORED_LABEL, loadChatTemplate } from "../../shared/model/chat-template.ts";
import type { Tokenizer } from "../../shared/model/tokenizer.ts";
import type { TokenizedExample, Unit } from "./units.ts";

export type { TokenizedExample } from "./units.ts";

/** What one line of a file says: the examples of a unit, with numbers for its columns. */
export interface UnitLine {
  /** The line of the file, counted from 1. */
  readonly line: number;
  readonly examples: readonly Example[];
  /** For each example, a number for every `example` column. */
  readonly exampleColumns?: readonly Readonly<Record<string, number>>[] | undefined;
  /** A number for every `unit` column. */
  readonly columns?: Readonly<Record<string, number>> | undefined;
}

/** Why a unit cannot be trained on. */
export const DROP_REASONS = ["nothing_to_learn", "reply_beyond_limit", "refused_by_template"] as const;
export type DropReason = (typeof DROP_REASONS)[number];

/** What became of the lines of a dataset: nothing is left out in silence. */
export interface DatasetCounts {
  /** Units. */
  readonly kept: number;
  /** Of the kept ones, how many were cut to the limit. */
  readonly truncated: number;
  readonly dropped: number;
  readonly droppedFor: Readonly<Record<DropReason, number>>;
  /** Tokens in the kept units. */
  readonly tokens: number;
  /** Tokens that the loss is taken over. */
  readonly trainedTokens: number;
}

export interface TokenizedUnits {
  readonly units: readonly Unit[];
  readonly counts: DatasetCounts;
  /** The first dropped lines and what was wrong with them, for a person to read. */
  readonly notes: readonly string[];
}

export interface TokenizedDataset extends Omit<TokenizedUnits, "units"> {
  readonly examples: readonly TokenizedExample[];
}

export interface TokenizeOptions {
  readonly tokenizer: Tokenizer;
  /** The model's own template by default; only read when the dataset holds chats. */
  readonly chatTemplate?: ChatTemplate;
  /** Longer examples are cut at the end, in tokens. */
  readonly maxLength: number;
  /** The field of the job that an error names; `training_file` by default. */
  readonly param?: string;
  /** The lines are prompts that the run itself answers: no token is trained on, and one beyond the limit is dropped. */
  readonly prompts?: boolean;
  /** Waited for now and then: encoding keeps the thread, and a large dataset would keep it for minutes. */
  readonly yieldToEventLoop?: () => Promise<void>;
}

/** Tokens between two yields to the event loop: a fraction of a second's work. */
const TOKENS_BETWEEN_YIELDS = 16_384;

const MAX_NOTES = 5;

/** A dataset whose every line is one example; see `tokenizeUnits`. */
export async function tokenizeDataset(
  lines: Iterable<TrainingLine>,
  options: TokenizeOptions,
): Promise<TokenizedDataset> {
  function* unitLines(): Generator<UnitLine> {
    for (const { line, example } of lines) yield { line, examples: [example] };
  }
  const { units, ...read } = await tokenizeUnits(unitLines(), options);
  return { ...read, examples: units.flatMap(({ examples }) => examples) };
}

/**
 * Encodes a dataset and says which tokens to train on: in chats the assistant's turns, in completions the completion and the
 * end-of-text token after it. A unit is dropped whole when one of its examples has to be. Throws `invalid_dataset`, saying
 * what to change, when nothing is left to train on or a line uses what the model's template does not show; `invalid_model`
 * when there are chats and no usable template.
 */
export async function tokenizeUnits(lines: Iterable<UnitLine>, options: TokenizeOptions): Promise<TokenizedUnits> {
  const { tokenizer, prompts = false, yieldToEventLoop } = options;
  let template = options.chatTemplate;
  const units: Unit[] = [];
  const droppedFor: Record<DropReason, number> = { nothing_to_learn: 0, reply_beyond_limit: 0, refused_by_template: 0 };
  const notes: string[] = [];
  let truncated = 0;
  let tokens = 0;
  let trainedTokens = 0;
  let sinceYield = 0;

  for (const { line, examples, exampleColumns, columns } of lines) {
    if (examples.some(({ kind }) => kind === "chat")) template ??= loadChatTemplate(tokenizer);
    const read: ReadExample[] = [];
    let dropped: Dropped | undefined;
    for (const example of examples) {
      const encoded = encode(example, { line, tokenizer, template, prompts });
      if (!("reason" in encoded)) sinceYield += encoded.ids.length;
      if (sinceYield >= TOKENS_BETWEEN_YIELDS) {
        sinceYield = 0;
        await yieldToEventLoop?.();
      }
      const fitted = "reason" in encoded ? encoded : cutToLimit(encoded, options);
      if ("reason" in fitted) {
        dropped = fitted;
        break;
      }
      read.push(fitted);
    }
    if (dropped !== undefined) {
      droppedFor[dropped.reason] += 1;
      if (notes.length < MAX_NOTES) notes.push(`line ${line} is left out: ${dropped.detail}`);
      continue;
    }
    if (read.some(({ cut }) => cut)) truncated += 1;
    for (const { example, trained } of read) {
      tokens += example.ids.length;
      trainedTokens += trained;
    }
    units.push({
      examples: read.map(({ example }, k) =>
        exampleColumns === undefined ? example : { ...example, columns: exampleColumns[k] ?? {} },
      ),
      ...(columns === undefined ? {} : { columns }),
    });
  }

  const dropped = DROP_REASONS.reduce((sum, reason) => sum + droppedFor[reason], 0);
  const counts = { kept: units.length, truncated, dropped, droppedFor, tokens, trainedTokens };
  if (units.length === 0) throw nothingToTrainOn(counts, notes, options);
  return { units, counts, notes };
}

interface Encoded {
  readonly ids: readonly number[];
  readonly labels: readonly number[];
}

interface Dropped {
  readonly reason: DropReason;
  readonly detail: string;
}

interface ReadExample {
  readonly example: TokenizedExample;
  /** Tokens that are trained on. */
  readonly trained: number;
  readonly cut: boolean;
}

/** An encoded example cut to the limit, or why it cannot be used. */
function cutToLimit({ ids, labels }: Encoded, { maxLength, prompts = false }: TokenizeOptions): ReadExample | Dropped {
  const cut = ids.length > maxLength;
  if (prompts && cut) {
    return { reason: "reply_beyond_limit", detail: `its prompt has more than ${maxLength} tokens` };
  }
  if (!prompts && countTrained(labels) === 0) {
    return { reason: "nothing_to_learn", detail: "it has no assistant message with weight 1" };
  }
  const example = {
    ids: Int32Array.from(ids.slice(0, maxLength)),
    labels: Int32Array.from(labels.slice(0, maxLength)),
  };
  const trained = countTrained(example.labels);
  if (!prompts && trained === 0) {
    return { reason: "reply_beyond_limit", detail: `what is to be learnt begins after ${maxLength} tokens` };
  }
  return { example, trained, cut };
}

/** Labels that some position predicts: the first token follows nothing. */
function countTrained(labels: ArrayLike<number>): number {
  let count = 0;
  for (let at = 1; at < labels.length; at++) if (labels[at] !== IGNORED_LABEL) count += 1;
  return count;
}

interface EncodeOptions {
  readonly line: number;
  readonly tokenizer: Tokenizer;
  /** Present where the example is a chat. */
  readonly template: ChatTemplate | undefined;
  readonly prompts: boolean;
}

function encode(example: Example, { line, tokenizer, template, prompts }: EncodeOptions): Encoded | Dropped {
  if (example.kind === "completion") {
    const given = tokenizer.encode(example.prompt);
    const prompt = [...tokenizer.prefix, ...given];
    if (prompts) return untrained(prompt);
    // With no prompt, the completion begins the text, and its first word is marked as such.
    const continues = given.length > 0 ? "text" : false;
    const completion = [...tokenizer.encode(example.completion, { continues }), tokenizer.eosId];
    return { ids: [...prompt, ...completion], labels: [...prompt.map(() => IGNORED_LABEL), ...completion] };
  }
  const { messages, tools } = example;
  try {
    return prompts
      ? untrained(template!.encodePrompt(messages, { tools }))
      : template!.encodeExample(messages, { tools });
  } catch (error) {
    if (error instanceof TrimtabError && error.code === "invalid_request") {
      return { reason: "refused_by_template", detail: error.message };
    }
    if (error instanceof TrimtabError && error.code === "invalid_model") throw error;
    throw new TrimtabError("invalid_dataset", `line ${line}: ${messageOf(error)}`, { cause: error, data: { line } });
  }
}

function untrained(ids: readonly number[]): Encoded {
  return { ids, labels: ids.map(() => IGNORED_LABEL) };
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
