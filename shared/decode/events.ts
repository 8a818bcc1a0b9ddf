/** The events that a generation emits. */
import type { ErrorCode } from "../errors.ts";
import type { PartChange } from "./trace.ts";

export interface TokenLogprob {
  readonly id: number;
  /** The token's text within the whole, with replacement characters if its bytes alone are not valid UTF-8. */
  readonly token: string;
  readonly bytes: readonly number[];
  /** Natural logarithm, under the distribution before temperature and penalties. */
  readonly logprob: number;
}

/** A token of a prompt, and what the model made of it. */
export interface PromptScore extends Omit<TokenLogprob, "logprob"> {
  /** As of other tokens; null for the first, before which there is nothing. */
  readonly logprob: number | null;
  /** Its place among all tokens, from 1 on; null for the first. */
  readonly rank: number | null;
  /** The likeliest tokens in its place, likeliest first. */
  readonly top: readonly TokenLogprob[];
}

/** `tool_calls`: the text has ended, and it is a call or ends with one. */
export type FinishReason = "stop" | "length" | "tool_calls";

/** What a search did for one choice. */
export interface SearchReport {
  readonly method: string;
  /** How many texts were begun. */
  readonly candidates: number;
  /** The chosen one's. */
  readonly score: number;
  /** Of all of them, in the order in which they were begun, null for those that were stopped; of beams, best first. */
  readonly scores: readonly (number | null)[];
  /** The chosen one's place in `scores`. */
  readonly chosen: number;
  /** Tokens of all texts, and how many they could have. */
  readonly tokens: number;
  readonly budget: number;
  /** Every text was made; one scored high enough; none did; or the tokens ran out before. */
  readonly ended: "complete" | "threshold" | "attempts" | "budget";
  /** Present where the scorer failed, and likelihood took its place. */
  readonly fallback?: "likelihood";
}

/** A token's probability under the model's own distribution, and under the one that it was drawn from. */
export interface SteeredToken {
  readonly id: number;
  readonly token: string;
  readonly before: number;
  readonly after: number;
}

/** What steering and sampling did to the choice of one token. */
export interface SteeringTrace extends SteeredToken {
  /** KL(after ‖ before), in nats. */
  readonly kl: number;
  readonly top: readonly SteeredToken[];
  /** What each part changed, in the order in which they ran. */
  readonly changes: readonly PartChange[];
  /** What each part of the steering did, by its name. */
  readonly parts: Readonly<Record<string, unknown>>;
}

export type GenerateEvent =
  /** The first event unless the request fails before: what holds for it once the model's own defaults are filled in. */
  | {
      readonly type: "start";
      readonly temperature: number;
      readonly topP: number;
      /** The request's limit or the model's; null: as many tokens as there is room for. */
      readonly maxTokens: number | null;
    }
  /** Some of a prompt, if the request asks for it. All of it comes before anything else of the choices that follow it. */
  | {
      readonly type: "prompt";
      /** The choices of the prompt. */
      readonly choices: readonly number[];
      /** All of the prompt's text, the first time, if it is to be repeated. */
      readonly text: string;
      /** The tokens that come next, if they are to be scored. */
      readonly scores?: readonly PromptScore[];
    }
  | {
      readonly type: "token";
      readonly choice: number;
      /** May be empty while bytes of a character or a possible stop sequence are held back. */
      readonly text: string;
      /** The tokens whose text this is, if `topLogprobs` is not null; those of calls are not among them. */
      readonly logprobs?: readonly (TokenLogprob & { readonly top: readonly TokenLogprob[] })[];
      /** Present if the request asks for a trace. */
      readonly trace?: SteeringTrace;
    }
  /** A call begins; `index` counts those of the choice from 0. */
  | { readonly type: "call"; readonly choice: number; readonly index: number; readonly name: string }
  /** More of that call's arguments: JSON as the model wrote it. */
  | { readonly type: "arguments"; readonly choice: number; readonly index: number; readonly text: string }
  | {
      readonly type: "finish";
      readonly choice: number;
      readonly reason: FinishReason;
      /** Present if the request asks for a search. */
      readonly search?: SearchReport;
    }
  /**
   * The last event, once. `cachedTokens` of the prompts' tokens had been computed for an earlier request; `steeringTokens` are
   * the positions that steering computed beside the text's own.
   */
  | {
      readonly type: "usage";
      readonly promptTokens: number;
      readonly completionTokens: number;
      readonly cachedTokens: number;
      /** Present if the request asks for steering. */
      readonly steeringTokens?: number;
    }
  /** Ends the stream. Before the first token it becomes the HTTP status. */
  | { readonly type: "error"; readonly code: ErrorCode; readonly message: string; readonly param: string | null };

export type StartEvent = Extract<GenerateEvent, { type: "start" }>;
export type ErrorEvent = Extract<GenerateEvent, { type: "error" }>;
