/**
 * Shows what a job would make of a dataset, without training: counts, and the first examples with their trained parts.
 */
import { TrimtabError } from "../errors.ts";
import { type ChatTemplate, type Finding, loadChatTemplate } from "../model/chat-template.ts";
import type { Tokenizer } from "../model/tokenizer.ts";
import { type DatasetCounts, DatasetTally, nothingToTrainOn } from "./dataset-counts.ts";
import { decodedMask, type MaskSegment } from "./decoded-mask.ts";
import { type Dropped, type EncodedLine, encodeLine } from "./encode-line.ts";
import type { Example } from "./example.ts";

/** The content of one line. */
export interface DryRunLine {
  /** Counted from 1. */
  readonly line: number;
  readonly examples: readonly Example[];
  /** They are read to where a reply would begin, and nothing in them is trained on. */
  readonly prompts?: boolean | undefined;
}

export interface DryRunOptions {
  readonly tokenizer: Tokenizer;
  /** Tokens; longer sequences are cut at the end. */
  readonly maxLength: number;
  /** How many of the first examples are shown. */
  readonly examples: number;
  /** Reading stops after this many lines, or after lines with this many tokens in total. */
  readonly maxLines: number;
  readonly maxTokens: number;
  /** Tokens of a sequence, and sequences of an example, that are shown. */
  readonly shownTokens: number;
  readonly shownSequences: number;
  /** Awaited now and then, because encoding blocks the thread. */
  readonly yieldToEventLoop: () => Promise<void>;
  /** What templates write as today's date. */
  readonly clock: () => Date;
}

export interface ShownSequence {
  readonly tokens: number;
  readonly trainedTokens: number;
  /** Whether it was cut to the limit. */
  readonly truncated: boolean;
  /** Of its first tokens. */
  readonly segments: readonly MaskSegment[];
}

export interface ShownExample {
  readonly line: number;
  /** Why it would be left out; undefined where it would be trained on. */
  readonly dropped: Dropped | undefined;
  readonly sequences: readonly ShownSequence[];
  readonly findings: readonly Finding[];
}

export interface DryRun {
  /** Lines that were read. */
  readonly lines: number;
  /** Whether the dataset has no more lines. */
  readonly complete: boolean;
  readonly counts: DatasetCounts;
  readonly notes: readonly string[];
  readonly examples: readonly ShownExample[];
  /** The error that would end the job; undefined if the lines read can be trained on. */
  readonly error: TrimtabError | undefined;
}

const TOKENS_BETWEEN_YIELDS = 8_192;

/** Reads lines up to one of the limits. The result includes any problem with the data, and what was found before it. */
export async function dryRun(lines: Iterable<DryRunLine>, options: DryRunOptions): Promise<DryRun> {
  const { tokenizer, maxLength, yieldToEventLoop } = options;
  let loaded: ChatTemplate | undefined;
  const template = () => {
    loaded ??= loadChatTemplate(tokenizer, { clock: options.clock });
    return loaded;
  };
  const tally = new DatasetTally();
  const examples: ShownExample[] = [];
  let read = 0;
  let tokens = 0;
  let yieldedAt = 0;
  let complete = true;
  let error: TrimtabError | undefined;
  try {
    for (const { line, examples: given, prompts = false } of lines) {
      if (read >= options.maxLines || tokens >= options.maxTokens) {
        complete = false;
        break;
      }
      read += 1;
      const encoded = encodeLine(given, { line, tokenizer, template, maxLength, prompts });
      tally.add(line, encoded);
      if (examples.length < options.examples) examples.push(shown(line, encoded, options));
      tokens += encoded.encodedTokens;
      if (tokens - yieldedAt >= TOKENS_BETWEEN_YIELDS) {
        yieldedAt = tokens;
        await yieldToEventLoop();
      }
    }
  } catch (thrown) {
    if (!(thrown instanceof TrimtabError)) throw thrown;
    error = thrown;
    complete = false;
  }
  const { counts, notes, splitNote } = tally;
  if (error === undefined && complete && counts.kept === 0) error = nothingToTrainOn(tally, { maxLength });
  const allNotes = [...(splitNote === undefined ? [] : [splitNote]), ...notes];
  return { lines: read, complete, counts, notes: allNotes, examples, error };
}

function shown(line: number, encoded: EncodedLine | Dropped, options: DryRunOptions): ShownExample {
  if ("reason" in encoded) {
    const { reason, detail } = encoded;
    return { line, dropped: { reason, detail }, sequences: [], findings: [] };
  }
  const sequences = encoded.examples.flat().slice(0, options.shownSequences);
  return {
    line,
    dropped: undefined,
    findings: encoded.findings,
    sequences: sequences.map(({ ids, labels, trained, cut }) => {
      const first = { ids: ids.subarray(0, options.shownTokens), labels: labels.subarray(0, options.shownTokens) };
      return {
        tokens: ids.length,
        trainedTokens: trained,
        truncated: cut,
        segments: decodedMask(first, options.tokenizer),
      };
    }),
  };
}
