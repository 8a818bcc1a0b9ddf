/** What a suite is: items that a model is asked, how its answers are judged, and the scores that sum them up. */
import type { EvaluationProbes } from "../probes.ts";
import type { Measure } from "./measure.ts";

export interface SuiteText {
  /** Of its API: lower case, digits and `_`. */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** What each score means and which way is better, by its name. */
  readonly scores: Readonly<Record<string, string>>;
}

/** What items may be chosen by. */
export interface SuiteSource {
  /** What the base's folder brings; absent where it is not at hand. */
  readonly probes?: EvaluationProbes | undefined;
}

/** One thing that a model is asked. Templates and graders find its other fields under `item`. */
export interface SuiteItem {
  /** Of the suite's own; the same item keeps it. */
  readonly id: string;
  /** Items that are summed up together, such as one kind of task. */
  readonly group: string;
}

/** A model writes a reply to each item, which graders judge. */
export interface GenerateSuite<Item extends SuiteItem = SuiteItem> extends SuiteText {
  readonly mode: "generate";
  /** The same for the same source; at most `SUITE_LIMITS.items`. */
  readonly items: (source: SuiteSource) => readonly Item[];
  /** Filled in from each item, `{{item.prompt}}` for one. */
  readonly input_messages: readonly { readonly role: "system" | "user" | "assistant"; readonly content: string }[];
  /** Tokens of a reply at most. */
  readonly max_tokens: number;
  /** Graders of `shared/graders`, as a request would write them. Their names are those of the grades in `GeneratedResult`. */
  readonly criteria: readonly SuiteCriterion[];
  /** By score. Throws for a result whose grades lack a criterion. */
  readonly measure: (items: readonly Item[], results: readonly GeneratedResult[]) => Readonly<Record<string, Measure>>;
}

/** A grader as JSON; `Grader` of `shared/graders/registry.ts` reads it. */
export interface SuiteCriterion {
  readonly type: string;
  readonly name: string;
  readonly [field: string]: unknown;
}

/** The likelihoods of texts behind a prompt are compared; nothing is written. */
export interface ChooseItem extends SuiteItem {
  /** A text to continue, which may be empty: nothing but what the tokenizer puts first stands before the choices then. */
  readonly prompt: string;
  /** Two or more, each with the space before it where it needs one. */
  readonly choices: readonly string[];
  /** The right choice, or the one that a preference is counted for. */
  readonly answer: number;
}

export interface ChooseSuite<Item extends ChooseItem = ChooseItem> extends SuiteText {
  readonly mode: "choose";
  readonly items: (source: SuiteSource) => readonly Item[];
  readonly measure: (items: readonly Item[], results: readonly ChosenResult[]) => Readonly<Record<string, Measure>>;
}

export type Suite = GenerateSuite | ChooseSuite;

/** One reply. An item may have several: they count as one cluster. */
export interface GeneratedResult {
  /** Its place among the items. */
  readonly item: number;
  readonly text: string;
  /** What the criteria gave, by their names; 0 where there was a flaw. */
  readonly grades: Readonly<Record<string, number>>;
}

export interface ChosenResult {
  /** Its place among the items. */
  readonly item: number;
  /** Σ log p of the tokens of each choice behind the prompt, in nats. */
  readonly logprobs: readonly number[];
}

export const SUITE_LIMITS = {
  /** Items of one suite. */
  items: 1000,
  /** Characters of an item's prompt, or of a choice. */
  text: 4000,
  choices: 8,
} as const;
