/**
 * What a route and the Engine say to each other. A route posts a `GenerateRequest` as JSON to `https://engine/generate` of
 * the Engine object named by the base model's id; the Engine answers 200 with newline-delimited JSON, one
 * `GenerateEvent` per line, until the stream ends. Everything in the request was validated, capped and authorised. Cancelling the
 * response body cancels the request.
 */

import type { GenerateEvent } from "../../shared/decode/events.ts";
import type { DecodeFields } from "../../shared/decode/registry.ts";
import type { SteeringParts } from "../../shared/decode/steering/registry.ts";
import type { AskedRules } from "../../shared/decode/steering/rules-request.ts";
import type { Condition } from "../../shared/delta/condition.ts";
import { TrimtabError } from "../../shared/errors.ts";
import type { SearchRequest } from "../../shared/search/registry.ts";
import type { StoredFolder } from "../blobs/stored-folder.ts";
import type { ScorerTarget } from "../scoring/target.ts";
import type { RuleSource } from "./compiled-rules.ts";

export type { FinishReason, GenerateEvent, StartEvent, TokenLogprob } from "../../shared/decode/events.ts";

export interface ResolvedDelta extends StoredFolder {
  /** w in W + Σ wᵢ ΔWᵢ. */
  readonly weight: number;
}

/** What a tenant's model name, plus the deltas it asked for, came to. */
export interface ResolvedModel {
  readonly base: StoredFolder & { readonly id: string };
  /** The tenant's own full fine-tune, which takes the place of the base's weights; null: the base's. */
  readonly weights: (StoredFolder & { readonly tenant: string }) | null;
  /** No digest occurs twice; sorted by digest. */
  readonly deltas: readonly ResolvedDelta[];
}

/** A turn as the chat template gets it. */
export interface EngineMessage {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content: string;
  /** The author's name. */
  readonly name?: string;
  readonly reasoning_content?: string;
  /** Of an assistant's turn. */
  readonly tool_calls?: readonly EngineCall[];
  /** Of a tool's turn: the call that it answers. */
  readonly tool_call_id?: string;
}

export interface EngineCall {
  readonly id: string;
  readonly type: "function";
  /** `arguments`: a JSON object, or its text. */
  readonly function: { readonly name: string; readonly arguments: string | Readonly<Record<string, unknown>> };
}

/** Tools that the model is shown, and what it may do with them. */
export interface EngineTools {
  readonly functions: readonly {
    readonly name: string;
    readonly description?: string | undefined;
    readonly parameters?: Readonly<Record<string, unknown>> | undefined;
    readonly strict?: boolean | undefined;
  }[];
  /** The names of those that may be called; at least one. */
  readonly callable: readonly string[];
  /** Whether a call must come. */
  readonly required: boolean;
  /** Whether there may be several. */
  readonly parallel: boolean;
}

/**
 * `text` prompts take special tokens as plain text, unless they have `readsControl`; token ids are taken as they are.
 */
export type GeneratePrompt =
  | { readonly kind: "chat"; readonly messages: readonly EngineMessage[]; readonly tools?: EngineTools }
  | {
      readonly kind: "text";
      readonly prompts: readonly (string | readonly number[])[];
      /** Whether special tokens that are written in a text are themselves. */
      readonly readsControl?: boolean;
    };

export interface Sampling {
  /** How each next token is chosen. What is left out is up to the model, and then as OpenAI has it. */
  readonly settings: Partial<DecodeFields>;
  /** null: a random one. */
  readonly seed: number | null;
  /** Per choice; null: as many as the model says, otherwise until the context is full; 0: the prompt alone is read. */
  readonly maxTokens: number | null;
  /** Tokens before one may end the text; 0 by default. */
  readonly minTokens?: number;
  /** Whether to go on behind tokens that end the text. */
  readonly ignoresEnd?: boolean;
  /** The text of a stop sequence is not returned. */
  readonly stop: readonly string[];
  /** Choices per prompt; choice `p * n + i` is the i-th of prompt p. */
  readonly n: number;
  /** Alternatives reported per token; null: no log-probabilities at all. */
  readonly topLogprobs: number | null;
}

/** What the answer says of each prompt. */
export interface AskedOfPrompts {
  /** Whether it repeats the text. */
  readonly text: boolean;
  /** How many alternatives it has of each token; null: no log-probabilities at all. Not with steering. */
  readonly top: number | null;
}

/** A steering vector that a row may have from its first generated token on. */
export interface ConditionalDelta {
  /** Where the steering object names it, such as `vectors[0]`. */
  readonly at: string;
  readonly delta: ResolvedDelta;
  readonly condition: Condition;
}

/** A request's steering with every name in it resolved. */
export interface ResolvedSteering {
  /** What was asked of each part of the `steering` object, defaults filled in; parts that change nothing are absent. */
  readonly parts: SteeringParts;
  /** What each name in it came to, by its place: on the request's base, or on another with the same tokenizer. */
  readonly models: Readonly<Record<string, ResolvedModel>>;
  readonly conditional: readonly ConditionalDelta[];
  readonly search?: ResolvedSearch;
  readonly rules?: AskedRules | undefined;
  /** Whom `rules.scorer` names. It has a secret, which no reply, log or error may show. */
  readonly scorer?: ScorerTarget;
}

/** A search, with the scorer that it names. */
export interface ResolvedSearch {
  readonly asked: SearchRequest;
  readonly scorer?: ScorerTarget;
}

export interface GenerateRequest {
  readonly requestId: string;
  readonly tenant: string;
  readonly model: ResolvedModel;
  /** The model's name as the tenant wrote it, for what is said of it. */
  readonly name?: string;
  readonly prompt: GeneratePrompt;
  readonly sampling: Sampling;
  /** Absent: nothing is said of the prompts. */
  readonly ofPrompts?: AskedOfPrompts;
  readonly steering?: ResolvedSteering;
  /** What the whole reply is, where the request has a response format. */
  readonly format?: RuleSource;
  /** How many alternatives the trace of each token lists; absent: no trace. */
  readonly traced?: number;
}

const encoder = new TextEncoder();

/** An event as a line. Other operations of the Engine have events of their own. */
export function encodeEvent(event: { readonly type: string }): Uint8Array {
  return encoder.encode(`${JSON.stringify(event)}\n`);
}

/**
 * Reads the Engine's answer event by event. Leaving the loop early cancels the stream, which cancels the request.
 *
 * @throws TrimtabError internal_error where the stream ends in the middle of a line.
 */
export async function* decodeEvents<E extends { readonly type: string } = GenerateEvent>(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<E, void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let pending = "";
  let ended = false;
  try {
    while (!ended) {
      const { done, value } = await reader.read();
      ended = done;
      pending += done ? decoder.decode() : decoder.decode(value, { stream: true });
      const lines = pending.split("\n");
      pending = lines.pop() ?? "";
      for (const line of lines) yield JSON.parse(line) as E;
    }
    if (pending !== "")
      throw new TrimtabError("internal_error", "The engine's answer broke off. Send the request again.");
  } finally {
    if (!ended) await reader.cancel();
    reader.releaseLock();
  }
}
