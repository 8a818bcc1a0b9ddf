/**
 * What a route and the Engine say to each other of finished texts. A route posts a `JudgeRequest` to `https://engine/judge` of the
 * Engine of the base that judges; the answer is newline-delimited JSON, one `JudgeEvent` per line. Cancelling it cancels the work.
 */
import type { ErrorEvent } from "../../shared/decode/events.ts";
import type { GeneratePrompt, ResolvedModel } from "./protocol.ts";

export interface JudgeRequest {
  readonly requestId: string;
  readonly tenant: string;
  /** What judges, on its base; every model of the request is on that base. */
  readonly base: ResolvedModel["base"];
  readonly prompts: readonly JudgedPrompt[];
  /** Gives the log-probability of each token of a text after its prompt. */
  readonly likelihood?: ResolvedModel;
  /** A model with a scoring head, which judges each text as a whole. */
  readonly scorer?: { readonly model: ResolvedModel; readonly param: string };
}

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
