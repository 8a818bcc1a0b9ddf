/** A model that a report measures. */
import type { TokenizedExample } from "../data/units.ts";

export interface ReplyOptions {
  /** Counts the token that ends a reply. */
  readonly maxTokens: number;
  /** 0 takes the likeliest token. */
  readonly temperature: number;
  /** Of each prompt; 1 by default. */
  readonly samples?: number;
  /** Whether a line break ends a reply too. */
  readonly line?: boolean;
}

export interface Reply {
  /** With the end token if it has one. */
  readonly tokens: readonly number[];
  /** log p of each token at temperature 1; empty for greedy replies. */
  readonly logprobs: readonly number[];
  /** Without the end token. */
  readonly text: string;
  readonly ended: boolean;
}

export interface Subject {
  /** For each prompt, its replies. */
  reply(prompts: readonly Int32Array[], options: ReplyOptions): Promise<readonly (readonly Reply[])[]>;
  /** log p of every labelled token: one number per id, 0 for others. */
  logProbabilities(examples: readonly TokenizedExample[]): Promise<readonly Float32Array[]>;
  close(): Promise<void>;
}
