import { type DatasetCounts, DatasetTally, nothingToTrainOn } from "../../shared/data/dataset-counts.ts";
import { encodeLine } from "../../shared/data/encode-line.ts";
import type { Example } from "../../shared/data/example.ts";
import type { TrainingLine } from "../../shared/data/training-lines.ts";
import { type ChatTemplate, loadChatTemplate } from "../../shared/model/chat-template.ts";
import type { Tokenizer } from "../../shared/model/tokenizer.ts";
import type { TokenizedExample, Unit } from "./units.ts";

export type { TokenizedExample } from "./units.ts";

/** The content of one line: the examples of a unit, with numbers for its columns. */
export interface UnitLine {
  /** The line of the file, counted from 1. */
  readonly line: number;
  readonly examples: readonly Example[];
  /** For each example, a number for every `example` column. */
  readonly exampleColumns?: readonly Readonly<Record<string, number>>[] | undefined;
  /** A number for every `unit` column. */
  readonly columns?: Readonly<Record<string, number>> | undefined;
}

export interface TokenizedUnits {
  readonly units: readonly Unit[];
  readonly counts: DatasetCounts;
  /** Omissions and surprises with an example line each, in readable form. */
  readonly notes: readonly string[];
  /** Explains why there are more units than lines, if so. */
  readonly splitNote: string | undefined;
}

export interface TokenizedDataset extends Omit<TokenizedUnits, "units"> {
  readonly examples: readonly TokenizedExample[];
}

export interface TokenizeOptions {
  readonly tokenizer: Tokenizer;
  /** The model's own template by default; only read when the dataset holds chats. */
  readonly chatTemplate?: ChatTemplate;
  /** The date that the model's own template writes as today's. A resumed job has to pass the same date again. */
  readonly date?: Date;
  /** Longer examples are cut at the end, in tokens. */
  readonly maxLength: number;
  /** The field of the job that an error names; `training_file` by default. */
  readonly param?: string;
  /**
   * The lines are prompts that the run itself answers: no token is trained on, and a prompt beyond the limit is
   * dropped.
   */
  readonly prompts?: boolean;
  /** Awaited now and then, because encoding a large dataset would block the thread for minutes. */
  readonly yieldToEventLoop?: () => Promise<void>;
}

/** Tokens between two yields to the event loop: a fraction of a second's work. */
const TOKENS_BETWEEN_YIELDS = 16_384;

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
 * Encodes a dataset and says which tokens to train on: in chats everything that the model must write for the
 * assistant's turns, in completions the completion and the end-of-text token after it. A line of one example becomes as
 * many units as it has sequences; one of several examples, or with columns, stays one unit. A unit is dropped whole if
 * one of its examples must be. Throws `invalid_dataset`, saying what to change, if nothing is left to train on or a
 * line uses something that the model's template does not show; `invalid_model` when there are chats and no usable
 * template.
 */
export async function tokenizeUnits(lines: Iterable<UnitLine>, options: TokenizeOptions): Promise<TokenizedUnits> {
  const { tokenizer, date, maxLength, prompts = false, yieldToEventLoop } = options;
  let loaded = options.chatTemplate;
  const template = () => {
    loaded ??= loadChatTemplate(tokenizer, { clock: date && (() => date) });
    return loaded;
  };
  const units: Unit[] = [];
  const tally = new DatasetTally();
  let sinceYield = 0;

  for (const { line, examples, exampleColumns, columns } of lines) {
    const single = examples.length > 1 || exampleColumns !== undefined || columns !== undefined;
    const read = encodeLine(examples, { line, tokenizer, template, maxLength, prompts, single });
    tally.add(line, read);
    sinceYield += read.encodedTokens;
    if (!("reason" in read)) {
      const sequences = read.examples.flat().map(({ ids, labels }) => ({ ids, labels }));
      if (single) {
        const withColumns = sequences.map((sequence, k) =>
          exampleColumns === undefined ? sequence : { ...sequence, columns: exampleColumns[k] ?? {} },
        );
        units.push({ examples: withColumns, ...(columns === undefined ? {} : { columns }) });
      } else units.push(...sequences.map((sequence) => ({ examples: [sequence] })));
    }
    if (sinceYield >= TOKENS_BETWEEN_YIELDS) {
      sinceYield = 0;
      await yieldToEventLoop?.();
    }
  }

  const { counts, notes, splitNote } = tally;
  if (units.length === 0) throw nothingToTrainOn(tally, options);
  return { units, counts, notes, splitNote };
}
