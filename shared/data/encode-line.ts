/**
 * Turns one line of a dataset into the sequences of tokens to train on, cut to the limit. The trainer encodes data with
 * this function, and a dry run shows its results.
 */
import { messageOf, TrimtabError } from "../errors.ts";
import { type ChatTemplate, type Finding, IGNORED_LABEL, type TrainingChat } from "../model/chat-template.ts";
import type { Tokenizer } from "../model/tokenizer.ts";
import type { Example } from "./example.ts";

/** Why a line cannot be trained on. */
export const DROP_REASONS = ["nothing_to_learn", "reply_beyond_limit", "refused_by_template", "not_served"] as const;
export type DropReason = (typeof DROP_REASONS)[number];

export interface Dropped {
  readonly reason: DropReason;
  readonly detail: string;
}

/** One sequence as ids: labels[t] is ids[t] where the model should learn to produce it, −100 elsewhere (not shifted). */
export interface EncodedSequence {
  readonly ids: Int32Array;
  readonly labels: Int32Array;
  /** Tokens that are trained on: labels that some position predicts, since the first token follows nothing. */
  readonly trained: number;
  /** Whether it was cut to the limit. */
  readonly cut: boolean;
}

/** What a line becomes. */
export interface EncodedLine {
  /** The sequences of each example. */
  readonly examples: readonly (readonly EncodedSequence[])[];
  /** What the chat template does with turns that may surprise the author of the line. */
  readonly findings: readonly Finding[];
}

export interface EncodeLineOptions {
  /** The line of the file, counted from 1. */
  readonly line: number;
  readonly tokenizer: Tokenizer;
  /** Read only for chats; throws `invalid_model` where the model has no template. */
  readonly template: () => ChatTemplate;
  /** Tokens; longer sequences are cut at the end. */
  readonly maxLength: number;
  /**
   * The lines are prompts that the run itself answers: no token is trained on, and a prompt beyond the limit is
   * dropped.
   */
  readonly prompts?: boolean;
  /** Every example must be one sequence, the one with its last turn, since a loss compares examples. */
  readonly single?: boolean;
}

/**
 * Drops the whole line if one of its examples must be dropped. `encodedTokens` counts tokens before the cut, as a
 * measure of the work. Throws `invalid_dataset` with the line's number for content that the model's template does not
 * show, `invalid_model` when there is no usable template.
 */
export function encodeLine(
  examples: readonly Example[],
  options: EncodeLineOptions,
): (EncodedLine | Dropped) & { readonly encodedTokens: number } {
  let encodedTokens = 0;
  const encoded: EncodedSequence[][] = [];
  const findings: Finding[] = [];
  for (const example of examples) {
    const read = encodeExample(example, options);
    if ("reason" in read) return { ...read, encodedTokens };
    encodedTokens += read.sequences.reduce((sum, { ids }) => sum + ids.length, 0);
    findings.push(...read.findings);
    const fitted = cutToLimit(read.sequences, options);
    if ("reason" in fitted) return { ...fitted, encodedTokens };
    encoded.push(fitted);
  }
  return { examples: encoded, findings, encodedTokens };
}

interface Encoded {
  readonly sequences: readonly { readonly ids: readonly number[]; readonly labels: readonly number[] }[];
  readonly findings: readonly Finding[];
}

function encodeExample(
  example: Example,
  { line, tokenizer, template, prompts, single }: EncodeLineOptions,
): Encoded | Dropped {
  if (example.kind === "completion") {
    const given = tokenizer.encode(example.prompt);
    const prompt = [...tokenizer.prefix, ...given];
    if (prompts) return untrained(prompt);
    // With no prompt, the completion begins the text, and its first word is marked as such.
    const continues = given.length > 0 ? "text" : false;
    const completion = [...tokenizer.encode(example.completion, { continues }), tokenizer.eosId];
    const labels = [...prompt.map(() => IGNORED_LABEL), ...completion];
    return { sequences: [{ ids: [...prompt, ...completion], labels }], findings: [] };
  }
  if (example.kind === "led") {
    const text = [...tokenizer.encode(example.text), tokenizer.eosId];
    return {
      sequences: [{ ids: [...example.lead, ...text], labels: [...example.lead.map(() => IGNORED_LABEL), ...text] }],
      findings: [],
    };
  }
  const { messages, tools } = example;
  try {
    if (prompts) return untrained(template().encodePrompt(messages, { tools }));
    const read = template().encodeTraining(messages, { tools });
    const reason = read.findings.find(({ kind }) => kind === "not_served");
    if (read.sequences.length === 0 && reason !== undefined) {
      return { reason: "not_served", detail: `${named(reason)} is not trained: ${reason.detail}` };
    }
    return single && read.sequences.length > 1 ? lastOnly(read) : read;
  } catch (error) {
    if (error instanceof TrimtabError && error.code === "invalid_request") {
      return { reason: "refused_by_template", detail: error.message };
    }
    if (error instanceof TrimtabError && error.code === "invalid_model") throw error;
    throw new TrimtabError("invalid_dataset", `line ${line}: ${messageOf(error)}`, { cause: error, data: { line } });
  }
}

/** The message that a finding is about, in words. Messages are counted from 1, as a person would. */
export function named({ message }: Finding): string {
  return `message ${message + 1}`;
}

function untrained(ids: readonly number[]): Encoded {
  return { sequences: [{ ids, labels: ids.map(() => IGNORED_LABEL) }], findings: [] };
}

function lastOnly({ sequences, findings }: TrainingChat): Encoded {
  const detail = "the template shows it differently once others follow, and this line has to stay one sequence";
  const left = sequences.slice(0, -1).flatMap(({ messages }) => messages);
  const others = left.map((message): Finding => ({ kind: "not_served", message, detail }));
  return { sequences: sequences.slice(-1), findings: [...findings, ...others] };
}

/** The sequences cut to the limit, without those that have no trained token left; or why none can be used. */
function cutToLimit(
  sequences: Encoded["sequences"],
  { maxLength, prompts = false }: EncodeLineOptions,
): EncodedSequence[] | Dropped {
  if (prompts && sequences.some(({ ids }) => ids.length > maxLength)) {
    return { reason: "reply_beyond_limit", detail: `its prompt has more than ${maxLength} tokens` };
  }
  if (!prompts && sequences.every(({ labels }) => countTrained(labels) === 0)) {
    return { reason: "nothing_to_learn", detail: "it has no assistant message with weight 1" };
  }
  const whole = sequences.map(({ ids, labels }) => {
    const kept = labels.slice(0, maxLength);
    return {
      ids: Int32Array.from(ids.slice(0, maxLength)),
      labels: Int32Array.from(kept),
      trained: countTrained(kept),
      cut: ids.length > maxLength,
    };
  });
  const used = prompts ? whole : whole.filter(({ trained }) => trained > 0);
  if (used.length === 0) {
    return { reason: "reply_beyond_limit", detail: `the text to train on begins after ${maxLength} tokens` };
  }
  // A sequence that is left out entirely counts as cut too.
  return used.length === whole.length ? used : used.map((sequence) => ({ ...sequence, cut: true }));
}

function countTrained(labels: ArrayLike<number>): number {
  let count = 0;
  for (let at = 1; at < labels.length; at++) if (labels[at] !== IGNORED_LABEL) count += 1;
  return count;
}
