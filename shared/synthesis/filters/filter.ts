/** What decides whether a generated example is kept. Pure: what takes a model to know is measured before. */
import type { z } from "zod";
import type { Pool } from "../pool.ts";

/** An example on its way. */
export interface Candidate {
  readonly instruction: string;
  /** null while only its instruction is looked at. */
  readonly output: string | null;
  /** The instruction that it was made from, if it was made from one. */
  readonly source?: string | undefined;
  /** Of the output behind the instruction, by the job's model; absent unless a filter asks for it. */
  readonly perplexity?: number | undefined;
  /** By the filter's grader; absent unless it was asked, null where it could not grade. */
  readonly grade?: number | null | undefined;
}

export interface FilterContext {
  /** Instructions that there are: seeds, and what was kept so far. */
  readonly pool: Pool;
  /** Word n-grams of the evaluation set, by their length. */
  readonly evaluation: (n: number) => ReadonlySet<string>;
}

export interface Verdict {
  /** Why the example is rejected; null where it passes. */
  readonly reason: string | null;
  /** What was measured. */
  readonly score?: number;
}

export interface Filter<S> {
  readonly settings: z.ZodType<S>;
  /** `instruction`: looks at it alone, before there is an output, which saves writing one. */
  readonly stage: "instruction" | "example";
  /** What has to be measured first. */
  readonly needs?: "perplexity" | "grade";
  check(candidate: Candidate, settings: S, context: FilterContext): Verdict;
}

export const PASSED: Verdict = { reason: null };

/** Rounded for messages. */
export const shown = (value: number): string => String(Number(value.toPrecision(3)));
