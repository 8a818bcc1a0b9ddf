/** How a model reads a file: tokens of its lines, how many of them are trained on, and what is cut or left out. */
import type { ChatTemplate } from "../../model/chat-template.ts";
import type { Tokenizer } from "../../model/tokenizer.ts";
import { DatasetTally } from "../dataset-counts.ts";
import { type DropReason, encodeLine } from "../encode-line.ts";
import type { Example } from "../example.ts";
import { type LengthFigures, Lengths } from "./lengths.ts";

/** Characters of a line that is encoded: a longer one would keep the thread for seconds. */
export const MOST_ENCODED = 1_000_000;

export interface TokenOptions {
  readonly tokenizer: Tokenizer;
  readonly template: () => ChatTemplate;
  /** Tokens; longer sequences are cut at the end. */
  readonly maxLength: number;
  /** Of all lines every so many are encoded; 1 for all. */
  readonly every: number;
}

export interface TokenFigures {
  readonly max_length: number;
  /** Lines that were encoded: all, or evenly spread ones; none of more than a million characters. */
  readonly encoded_lines: number;
  /** Of whole lines, before any is cut. */
  readonly lengths: LengthFigures | null;
  readonly kept: number;
  readonly truncated: number;
  readonly truncated_lines: readonly number[];
  readonly dropped: number;
  readonly dropped_for: Readonly<Partial<Record<DropReason, number>>>;
  readonly dropped_lines: readonly { readonly line: number; readonly reason: string }[];
  /** Of the kept lines as they are trained on. */
  readonly tokens: number;
  readonly trained_tokens: number;
  readonly trained_share: number | null;
  /** What one epoch over all lines reads, and is charged for. */
  readonly tokens_per_epoch: number;
}

export interface CountedLine {
  readonly line: number;
  readonly characters: number;
}

export class TokenCounts {
  readonly #options: TokenOptions;
  readonly #most: number;
  readonly #tally = new DatasetTally();
  readonly #lengths = new Lengths();
  readonly #cut: number[] = [];
  readonly #dropped: { line: number; reason: string }[] = [];
  #lines = 0;
  #encoded = 0;

  /** @param examples lines that are named of each kind */
  constructor(options: TokenOptions, examples: number) {
    this.#options = options;
    this.#most = examples;
  }

  /** @returns the tokens that were encoded, as a measure of the work */
  add({ line, characters }: CountedLine, examples: readonly Example[], prompts = false): number {
    this.#lines += 1;
    if ((this.#lines - 1) % this.#options.every !== 0 || characters > MOST_ENCODED) return 0;
    const encoded = encodeLine(examples, { line, prompts, ...this.#options });
    this.#encoded += 1;
    this.#tally.add(line, encoded);
    this.#lengths.add(encoded.encodedTokens);
    if ("reason" in encoded) {
      if (this.#dropped.length < this.#most) this.#dropped.push({ line, reason: encoded.detail });
    } else if (this.#cut.length < this.#most && encoded.examples.flat().some(({ cut }) => cut)) this.#cut.push(line);
    return encoded.encodedTokens;
  }

  get figures(): TokenFigures {
    const { kept, truncated, dropped, droppedFor, tokens, trainedTokens } = this.#tally.counts;
    const reasons = Object.entries(droppedFor).filter(([, count]) => count > 0);
    return {
      max_length: this.#options.maxLength,
      encoded_lines: this.#encoded,
      lengths: this.#lengths.figures,
      kept,
      truncated,
      truncated_lines: this.#cut,
      dropped,
      dropped_for: Object.fromEntries(reasons),
      dropped_lines: this.#dropped,
      tokens,
      trained_tokens: trainedTokens,
      trained_share: tokens === 0 ? null : trainedTokens / tokens,
      tokens_per_epoch: this.#encoded === 0 ? 0 : Math.round((tokens * this.#lines) / this.#encoded),
    };
  }
}
