/**
 * What a route and the Engine say to each other of finished texts. A route posts a `JudgeRequest` to `https://engine/judge` of the
 * Engine of the base that judges; the answer is newline-delimited JSON, one `JudgeEvent` per line. Cancelling it cancels the work.
 */
import type { ErrorEvent } from "../../shared/decode/events.ts";
import type { Reward } from "../../shared/delta/reward.ts";
import type { EngineMessage, EngineTools, GeneratePrompt, ResolvedModel } from "./protocol.ts";

export interface JudgeRequest {
  readonly requestId: string;
  readonly tenant: string;
  /** What judges, on its base; every model of the request is on that base. */
  readonly base: ResolvedModel["base"];
  readonly prompts: readonly JudgedPrompt[];
  /** Texts with what ends them, which reward models read; they are counted on from the texts of the prompts. */
  readonly finished?: readonly FinishedText[];
  /** Gives the log-probability of each token of a text after its prompt. */
  readonly likelihood?: ResolvedModel;
  /** A model with a scoring head, which judges each text as a whole. */
  readonly scorer?: { readonly model: ResolvedModel; readonly param: string };
  /** Reward models, each of which reads every text. `name` is what an error calls it. */
  readonly rewards?: readonly { readonly model: ResolvedModel; readonly name: string; readonly param: string }[];
}

/** A completion behind its prompt, as training data has it. `param`: the request's field that holds it. */
export type FinishedText = { readonly param: string } & (
  | { readonly kind: "text"; readonly prompt: string; readonly text: string }
  | {
      readonly kind: "chat";
      /** The last one is the assistant's. */
      readonly messages: readonly EngineMessage[];
      readonly tools?: Pick<EngineTools, "functions">;
    }
);

/** A prompt, which must be one conversation or one text, and texts that follow it. */
export interface JudgedPrompt {
  readonly prompt: GeneratePrompt;
  /** Token ids, without what ends a text; a text may be empty. */
  readonly texts: readonly (readonly number[])[];
}

export interface JudgedText {
  /** ln p of each token; null unless asked for. */
  readonly logprobs: readonly number[] | null;
  /** The probability of each class, in the order of `labels`, or of a reward model its value; null unless asked for. */
  readonly scores: readonly number[] | null;
  /** What each reward model says; null unless asked for. */
  readonly rewards: readonly Reward[] | null;
}

export type JudgeEvent =
  /** Comes first, once all is checked that can be refused; even where there is no text. */
  | {
      readonly type: "start";
      /** Of the scorer; null without one. */
      readonly labels: readonly string[] | null;
      /** Whether the base has a chat template. */
      readonly hasChat: boolean;
    }
  /**
   * `index` counts the texts of all prompts; they come in any order. `positions`: how many the rows that read it have, also where
   * another row had computed them.
   */
  | ({ readonly type: "judged"; readonly index: number; readonly positions: number } & JudgedText)
  /** Comes last. */
  | { readonly type: "end" }
  | ErrorEvent;
