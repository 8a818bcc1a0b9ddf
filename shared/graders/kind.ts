/** What a kind of grader is. */
import type { z } from "zod";
import type { RuleSpec } from "../rules/spec.ts";
import type { Flaw } from "./errors.ts";
import type { Observation } from "./render.ts";

/** What a grader asks a model. */
export interface Question {
  readonly model: string;
  readonly messages: readonly { readonly role: "system" | "user" | "assistant"; readonly content: string }[];
  readonly sampling: {
    readonly temperature: number;
    readonly topP?: number;
    readonly seed?: number;
    /** Tokens; absent: as many as the answer takes. */
    readonly maxTokens?: number;
  };
  /** What the whole answer is held to, and the field that says so; absent where it may be any text. */
  readonly rule?: { readonly spec: RuleSpec; readonly param: string };
  /** The grader's path in the request, for errors. */
  readonly at: string;
}

export interface TokenUsage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly cached_tokens: number;
  readonly total_tokens: number;
}

/** A model's answer, or why there is none. */
export type ModelAnswer =
  | { readonly text: string; readonly usage: TokenUsage }
  | { readonly failure: string; readonly usage?: TokenUsage | undefined };

export interface GradeContext {
  readonly observation: Observation;
  /** The grader's path in the request, such as `grader.graders.style`. */
  readonly at: string;
  /** Asks a model. Throws TrimtabError for what the request's author can mend. */
  readonly ask: (question: Question) => Promise<ModelAnswer>;
}

export interface Grade {
  /** 0 where there is a flaw. */
  readonly score: number;
  readonly flaw?: Flaw | undefined;
  /** Of each model that was asked, by its name, in the order of the questions. */
  readonly usage: readonly (readonly [model: string, usage: TokenUsage])[];
  /** Of the graders of a `multi`, by their names. */
  readonly parts?: Readonly<Record<string, number>>;
}

export interface GraderKind<T extends string, S extends z.core.$ZodTypeDiscriminable> {
  readonly type: T;
  readonly schema: S;
  /** Throws `invalid_request` for what no schema can say: templates and formulas that cannot be read. */
  check(grader: z.output<S>, at: string): void;
  /** The models that it asks, each with its field. */
  models(grader: z.output<S>, at: string): readonly { readonly model: string; readonly param: string }[];
  /** Throws TrimtabError for what the request's author can mend. */
  grade(grader: z.output<S>, context: GradeContext): Promise<Grade> | Grade;
}

/** Gives a kind its types. */
export function graderKind<const T extends string, S extends z.core.$ZodTypeDiscriminable>(kind: GraderKind<T, S>) {
  return kind;
}

export function flawed(flaw: Flaw, usage: Grade["usage"] = []): Grade {
  return { score: 0, flaw, usage };
}
