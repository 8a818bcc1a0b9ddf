/**
 * Counts what happens to the lines of a dataset, so that no line is left out, moved or split silently.
 */
import { TrimtabError } from "../errors.ts";
import { FINDINGS, type Finding, type FindingKind } from "../model/chat-spans.ts";
import { DROP_REASONS, type Dropped, type DropReason, type EncodedLine, named } from "./encode-line.ts";

export interface DatasetCounts {
  /** Lines, or units of several examples. */
  readonly kept: number;
  /** How many of the kept ones were cut to the limit. */
  readonly truncated: number;
  readonly dropped: number;
  readonly droppedFor: Readonly<Record<DropReason, number>>;
  /** Tokens in the kept ones. */
  readonly tokens: number;
  /** Tokens in the loss. */
  readonly trainedTokens: number;
  /** Sequences made from the kept ones; more than examples if a conversation had to be split. */
  readonly sequences: number;
  /** Assistant turns that the chat template treats in a surprising way, by kind. */
  readonly turns: Readonly<Partial<Record<FindingKind, number>>>;
}

const MAX_NOTES = 5;

/** Adds up lines one by one. */
export class DatasetTally {
  readonly #droppedFor: Record<DropReason, number> = {
    nothing_to_learn: 0,
    reply_beyond_limit: 0,
    refused_by_template: 0,
    not_served: 0,
  };
  readonly #turns = new Map<FindingKind, { count: number; line: number; first: Finding }>();
  readonly #drops: string[] = [];
  #kept = 0;
  #truncated = 0;
  #tokens = 0;
  #trainedTokens = 0;
  #sequences = 0;
  #examples = 0;

  add(line: number, read: EncodedLine | Dropped): void {
    if ("reason" in read) {
      this.#droppedFor[read.reason] += 1;
      if (this.#drops.length < MAX_NOTES) this.#drops.push(`line ${line} is left out: ${read.detail}`);
      return;
    }
    const sequences = read.examples.flat();
    this.#kept += 1;
    this.#examples += read.examples.length;
    this.#sequences += sequences.length;
    if (sequences.some(({ cut }) => cut)) this.#truncated += 1;
    for (const { ids, trained } of sequences) {
      this.#tokens += ids.length;
      this.#trainedTokens += trained;
    }
    for (const finding of read.findings) {
      const known = this.#turns.get(finding.kind);
      if (known === undefined) this.#turns.set(finding.kind, { count: 1, line, first: finding });
      else known.count += 1;
    }
  }

  get counts(): DatasetCounts {
    return {
      kept: this.#kept,
      truncated: this.#truncated,
      dropped: DROP_REASONS.reduce((sum, reason) => sum + this.#droppedFor[reason], 0),
      droppedFor: { ...this.#droppedFor },
      tokens: this.#tokens,
      trainedTokens: this.#trainedTokens,
      sequences: this.#sequences,
      turns: Object.fromEntries([...this.#turns].map(([kind, { count }]) => [kind, count])),
    };
  }

  /** The first dropped lines with their reasons, and one example of each surprise, in readable form. */
  get notes(): string[] {
    const surprises = [...this.#turns].map(([kind, { count, line, first }]) => {
      const what = count === 1 ? `1 reply ${FINDINGS[kind].one}` : `${count} replies ${FINDINGS[kind].many}`;
      return `${what}; line ${line}, ${named(first)}: ${first.detail}`;
    });
    return [...this.#drops, ...surprises];
  }

  /** An explanation of splits, or undefined if no conversation was split. */
  get splitNote(): string | undefined {
    if (this.#sequences <= this.#examples) return undefined;
    const examples = this.#examples === 1 ? "1 example" : `${this.#examples} examples`;
    return (
      `${examples} became ${this.#sequences} sequences: the chat template shows some replies differently ` +
      "once others follow, so each is trained behind the prompt that it is served with"
    );
  }
}

/** The error for a dataset with no usable lines, with what to change. `param` is the job's field. */
export function nothingToTrainOn(
  { counts, notes }: DatasetTally,
  { maxLength, param = "training_file" }: { readonly maxLength: number; readonly param?: string },
): TrimtabError {
  const { nothing_to_learn, reply_beyond_limit, refused_by_template, not_served } = counts.droppedFor;
  const advice = [
    nothing_to_learn > 0 &&
      `${nothing_to_learn} have no assistant message to learn: add one to each, with weight 1 or without a weight`,
    reply_beyond_limit > 0 &&
      `in ${reply_beyond_limit} the reply begins after max_length = ${maxLength} tokens: raise it or shorten what comes before`,
    refused_by_template > 0 && `the model's chat template refuses ${refused_by_template}: see the first messages`,
    not_served > 0 &&
      `${not_served} have no reply that the chat template shows as the model is served: use another template (${notes[0]})`,
  ].filter((part) => part !== false);
  return new TrimtabError(
    "invalid_dataset",
    `the dataset has no token to train on; of its ${counts.dropped} examples, ${advice.join("; ")}`,
    { param, data: { counts, notes } },
  );
}
