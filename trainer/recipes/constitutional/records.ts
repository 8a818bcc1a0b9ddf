/** What a job has written and judged so far: in its checkpoints, and in the files that its owner reads. JSON throughout. */
import type { AskedPrompt, PromptText } from "./prompts.ts";

export const PARTS = ["training", "validation"] as const;
export type Part = (typeof PARTS)[number];

/** A prompt of one of the job's files. */
export interface PlacedPrompt extends AskedPrompt {
  readonly part: Part;
}

/** Where a record comes from. */
export interface RecordPlace extends PromptText {
  readonly part: Part;
  readonly line: number;
}

/** One critique and revision of a reply. */
export interface Round {
  readonly principle: string;
  /** By a model. */
  readonly critique?: string;
  /** By a grader, of the reply before and after. A cut or empty reply has no score. */
  readonly before?: number;
  readonly after?: number;
  /** Of which a grader chose. A score is null for a text that is cut or empty, or that the grader could not score. */
  readonly candidates?: readonly { readonly text: string; readonly score: number | null }[];
  /** What the reply becomes; null where nothing usable was written. */
  readonly revision: string | null;
  /** Why there is no usable revision. */
  readonly problem?: string;
}

export interface RevisedReply extends RecordPlace {
  readonly kind: "revised";
  readonly sample: number;
  readonly reply: string;
  /** Whether the model ended it within the limit. */
  readonly ended: boolean;
  readonly rounds: readonly Round[];
}

/** Two replies and which one is better. */
export interface LabelledPair extends RecordPlace {
  readonly kind: "labelled";
  readonly pair: number;
  readonly principle: string;
  readonly a: string;
  readonly b: string;
  /** By a grader. */
  readonly scores?: { readonly a: number; readonly b: number };
  /** By a model, the probability that `a` is better: with `a` shown first, with `b` shown first, and their mean. */
  readonly probabilities?: { readonly a_first: number; readonly b_first: number; readonly mean: number };
  readonly better: "a" | "b" | null;
  /** Why neither is. */
  readonly none?: "tie" | "same_text" | "unusable_reply" | "unreadable_label";
  readonly problem?: string;
}

export type JobRecord = RevisedReply | LabelledPair;

/** Answers of a judge: how many there were, and how many told nothing. */
export interface JudgeCount {
  readonly answers: number;
  readonly unreadable: number;
  /** What was wrong with the first of them. */
  readonly first?: string | undefined;
}

export const NO_ANSWERS: JudgeCount = { answers: 0, unreadable: 0 };

export function addCounts(a: JudgeCount, b: JudgeCount): JudgeCount {
  return { answers: a.answers + b.answers, unreadable: a.unreadable + b.unreadable, first: a.first ?? b.first };
}

/** Counts answers of which some are problems. */
export function countAnswers(problems: readonly (string | undefined)[]): JudgeCount {
  const bad = problems.filter((problem) => problem !== undefined);
  return { answers: problems.length, unreadable: bad.length, first: bad[0] };
}

export function placeOf({ part, line, prompt, tools }: PlacedPrompt): RecordPlace {
  return { part, line, prompt, ...(tools === undefined ? {} : { tools }) };
}

/** The reply that is imitated: the last revision; null where there is none. */
export function finalText({ rounds }: RevisedReply): string | null {
  return rounds.findLast(({ revision }) => revision !== null)?.revision ?? null;
}
