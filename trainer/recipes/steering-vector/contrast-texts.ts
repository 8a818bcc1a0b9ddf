import type { ConditionPrompt } from "../../../shared/data/dataset-kinds/condition-prompts.ts";
import type { ContrastLine, ContrastText } from "../../../shared/data/dataset-kinds/contrast-pairs.ts";
import { assistantTurn, type TrainingMessage, userTurn } from "../../../shared/data/example.ts";
import { messageOf, TrimtabError } from "../../../shared/errors.ts";
import { type ChatTemplate, IGNORED_LABEL, loadChatTemplate } from "../../../shared/model/chat-template.ts";
import type { Tokenizer } from "../../../shared/model/tokenizer.ts";

/** A text as a model reads it. */
export interface EncodedText {
  readonly ids: Int32Array;
  /** Where the text after the prompt begins, or the assistant's last turn. It reaches to the end; absent if no such text ends it. */
  readonly completion?: number;
}

/** Both sides of a pair, in the same order everywhere. */
export interface EncodedPair {
  readonly line: number;
  readonly positive: EncodedText;
  readonly negative: EncodedText;
}

export interface EncodePairOptions {
  readonly tokenizer: Tokenizer;
  /** What templates write as today's date. */
  readonly date: Date;
  /** Tokens; a pair with a longer side is left out, since its end would be lost. */
  readonly maxLength: number;
  readonly yieldToEventLoop: () => Promise<void>;
}

export interface EncodedPairs {
  readonly pairs: readonly EncodedPair[];
  /** The lines of pairs that were too long. */
  readonly tooLong: readonly number[];
}

/**
 * Encodes contrast pairs. A side that is a text is read as it is, after the prompt if there is one; in a conversation it is the
 * assistant's turn. A conversation that ends with the assistant is cut after the last token of that turn's text, before the token
 * that ends the turn; any other is read to where the assistant's reply would begin.
 *
 * Throws `invalid_dataset`, naming the line, for sides of equal tokens and for messages that the template does not take, and
 * `invalid_model` for conversations without a usable template.
 */
export async function encodePairs(lines: Iterable<ContrastLine>, options: EncodePairOptions): Promise<EncodedPairs> {
  const { tokenizer, date, maxLength, yieldToEventLoop } = options;
  let loaded: ChatTemplate | undefined;
  const template = () => (loaded ??= loadChatTemplate(tokenizer, { clock: () => date }));
  const pairs: EncodedPair[] = [];
  const tooLong: number[] = [];
  let sinceYield = 0;
  for (const { line, pair } of lines) {
    const encode = (side: "positive" | "negative") =>
      atLine({ line, param: "training_file", field: side }, () =>
        encodeText(pair.prompt, pair[side], { tokenizer, template }),
      );
    const [positive, negative] = [encode("positive"), encode("negative")];
    if (same(positive.ids, negative.ids)) {
      throw refuse(
        { line, param: "training_file" },
        "`positive` and `negative` are the same tokens to this model; change one of them",
      );
    }
    if (Math.max(positive.ids.length, negative.ids.length) > maxLength) tooLong.push(line);
    else pairs.push({ line, positive, negative });
    sinceYield += positive.ids.length + negative.ids.length;
    if (sinceYield < TOKENS_BETWEEN_YIELDS) continue;
    sinceYield = 0;
    await yieldToEventLoop();
  }
  return { pairs, tooLong };
}

const TOKENS_BETWEEN_YIELDS = 16_384;

export interface EncodedPrompts {
  readonly prompts: readonly { readonly text: EncodedText; readonly isPositive: boolean }[];
  /** The lines of prompts that were too long. */
  readonly tooLong: readonly number[];
}

/** Encodes the prompts of a condition, as `encodePairs` does the sides of pairs. Throws alike, for the validation file. */
export async function encodePrompts(
  given: Iterable<ConditionPrompt>,
  options: EncodePairOptions,
): Promise<EncodedPrompts> {
  const { tokenizer, date, maxLength, yieldToEventLoop } = options;
  let loaded: ChatTemplate | undefined;
  const template = () => (loaded ??= loadChatTemplate(tokenizer, { clock: () => date }));
  const prompts: { text: EncodedText; isPositive: boolean }[] = [];
  const tooLong: number[] = [];
  let sinceYield = 0;
  for (const { line, prompt, text: content, isPositive } of given) {
    const place = { line, param: "validation_file", field: typeof content === "string" ? "text" : "messages" };
    const text = atLine(place, () => encodeText(prompt, content, { tokenizer, template }));
    if (text.ids.length > maxLength) tooLong.push(line);
    else prompts.push({ text, isPositive });
    sinceYield += text.ids.length;
    if (sinceYield < TOKENS_BETWEEN_YIELDS) continue;
    sinceYield = 0;
    await yieldToEventLoop();
  }
  return { prompts, tooLong };
}

interface Encoders {
  readonly tokenizer: Tokenizer;
  readonly template: () => ChatTemplate;
}

function encodeText(prompt: ContrastText | undefined, text: ContrastText, encoders: Encoders): EncodedText {
  if (typeof text === "string" && (prompt === undefined || typeof prompt === "string")) {
    return encodePlain(prompt ?? "", text, encoders.tokenizer);
  }
  const turns = (given: ContrastText, asTurn: (text: string) => TrainingMessage) =>
    typeof given === "string" ? [asTurn(given)] : given;
  return encodeChat(
    [...(prompt === undefined ? [] : turns(prompt, userTurn)), ...turns(text, assistantTurn)],
    encoders,
  );
}

function encodePlain(prompt: string, text: string, tokenizer: Tokenizer): EncodedText {
  const given = tokenizer.encode(prompt);
  const before = [...tokenizer.prefix, ...given];
  const after = tokenizer.encode(text, { continues: given.length > 0 ? "text" : false });
  if (after.length === 0) throw new TrimtabError("invalid_dataset", "has no token; write some text");
  return { ids: Int32Array.from([...before, ...after]), completion: before.length };
}

function encodeChat(messages: readonly TrainingMessage[], { tokenizer, template }: Encoders): EncodedText {
  if (messages.at(-1)?.role !== "assistant") return { ids: Int32Array.from(template().encodePrompt(messages)) };
  const onlyLast = messages.map(
    (message, at): TrainingMessage =>
      message.role === "assistant" ? { ...message, weight: at === messages.length - 1 ? 1 : 0 } : message,
  );
  const { sequences, findings } = template().encodeTraining(onlyLast);
  const { ids, labels } = sequences.at(-1) ?? { ids: [], labels: [] };
  const control = new Set(tokenizer.control.values());
  const completion = labels.findIndex((label) => label !== IGNORED_LABEL);
  const end = labels.findLastIndex((label) => label !== IGNORED_LABEL && !control.has(label)) + 1;
  if (completion >= 0 && end > completion) return { ids: Int32Array.from(ids.slice(0, end)), completion };
  const why = findings[0]?.detail ?? "the chat template shows none of its last turn";
  throw new TrimtabError("invalid_dataset", `cannot be read: ${why}`);
}

interface TextPlace {
  readonly line: number;
  /** The job's field that names the file. */
  readonly param: string;
  readonly field?: string;
}

function atLine<T>(place: TextPlace, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof TrimtabError && error.code === "invalid_model") throw error;
    throw refuse(place, `\`${place.field}\` ${messageOf(error)}`, error);
  }
}

function refuse({ line, param }: TextPlace, problem: string, cause?: unknown): TrimtabError {
  return new TrimtabError("invalid_dataset", `line ${line}: ${problem}`, { param, cause, data: { line } });
}

function same(a: Int32Array, b: Int32Array): boolean {
  return a.length === b.length && a.every((id, at) => id === b[at]);
}
