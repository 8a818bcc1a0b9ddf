import { TrimtabError } from "../../shared/errors.ts";
import { templateTools, templateTurns } from "./calls.ts";
import type { GeneratePrompt } from "./protocol.ts";
import type { ServedModel } from "./served-model.ts";

type PromptModel = Pick<ServedModel, "tokenizer" | "template" | "config" | "capacity" | "callSyntax">;

/**
 * Characters that a text may have for each token of context. No writing comes near it, but the tokenizer would take seconds
 * over a megabyte of letters without a space, and every other stream would stand still meanwhile.
 */
const MAX_CHARACTERS_PER_TOKEN = 32;

/**
 * Token ids of each prompt. Control tokens come from the chat template alone; in what a person wrote they are plain text.
 * Yields to the event loop between two prompts.
 *
 * Throws `invalid_request` for an empty prompt or a token id outside the vocabulary, `context_length_exceeded` for a text that
 * cannot fit, `invalid_model` where the tokenizer gives the text a token that the model does not have.
 */
export async function encodePrompts(
  model: PromptModel,
  prompt: GeneratePrompt,
  yieldToEventLoop: () => Promise<void>,
): Promise<number[][]> {
  if (prompt.kind === "chat") return [encodeChat(model, prompt)];
  const all: number[][] = [];
  for (const text of prompt.prompts) {
    if (all.length > 0) await yieldToEventLoop();
    all.push(
      typeof text === "string"
        ? encodeText(model, text, { readsControl: prompt.readsControl === true })
        : checkIds(model, text),
    );
  }
  return all;
}

/** A conversation's tokens up to where the reply begins. */
export function encodeChat(
  model: PromptModel,
  { messages, tools }: Extract<GeneratePrompt, { kind: "chat" }>,
): number[] {
  const characters = messages.reduce(
    (sum, { content, reasoning_content: thought = "", tool_calls: calls = [] }) =>
      sum + content.length + thought.length + (calls.length === 0 ? 0 : JSON.stringify(calls).length),
    0,
  );
  requireLength(model, characters, "messages");
  const shown = tools === undefined ? [] : templateTools(tools.functions);
  requireLength(model, characters + (shown.length === 0 ? 0 : JSON.stringify(shown).length), "tools");
  const turns = templateTurns(model, messages).map((message) => ({ ...message }));
  return requireInVocabulary(model, model.template().encodePrompt(turns, { tools: shown }));
}

export interface TextOptions {
  /** The request's field that holds it; `prompt` by default. */
  readonly param?: string;
  /** As `GeneratePrompt` has it. */
  readonly readsControl?: boolean;
}

/** A text's tokens, with those that begin every text before them. */
export function encodeText(
  model: PromptModel,
  text: string,
  { param = "prompt", readsControl = false }: TextOptions = {},
): number[] {
  requireLength(model, text.length, param);
  const { tokenizer } = model;
  const ids = [...tokenizer.prefix, ...(readsControl ? tokenizer.encodeTrusted(text) : tokenizer.encode(text))];
  if (ids.length === 0) throw emptyPrompt(param);
  return requireInVocabulary(model, ids);
}

function checkIds({ config: { vocabSize } }: PromptModel, ids: readonly number[]): number[] {
  const unknown = ids.find((id) => id >= vocabSize);
  if (unknown !== undefined) {
    throw new TrimtabError("invalid_request", `the token ${unknown} is outside the vocabulary of ${vocabSize}`, {
      param: "prompt",
    });
  }
  if (ids.length === 0) throw emptyPrompt();
  return [...ids];
}

function emptyPrompt(param = "prompt"): TrimtabError {
  return new TrimtabError("invalid_request", "the prompt is empty; this model needs at least one token to continue", {
    param,
  });
}

/** A token that the embedding lacks would end the batch for everybody. */
export function requireInVocabulary({ config: { vocabSize } }: Pick<PromptModel, "config">, ids: number[]): number[] {
  const unknown = ids.find((id) => id >= vocabSize);
  if (unknown === undefined) return ids;
  throw new TrimtabError(
    "invalid_model",
    `the model's tokenizer makes the token ${unknown} of this text, but its config.json has a vocab_size of ${vocabSize}`,
  );
}

function requireLength({ capacity }: PromptModel, characters: number, param: string): void {
  if (characters <= MAX_CHARACTERS_PER_TOKEN * capacity) return;
  throw new TrimtabError(
    "context_length_exceeded",
    `this model's context is ${capacity} tokens, but the prompt has ${characters} characters; shorten the prompt`,
    { param },
  );
}

export interface TokenDemand {
  /** null: as many as is usual. */
  readonly requested: number | null;
  /** How many a request gets that does not say, if there is room; null or left out: all that there is room for. */
  readonly usual?: number | null;
  /** The request's field that holds the prompt, or that adds the row with it. */
  readonly param: string;
  /** How an error speaks of the prompt. */
  readonly prompt?: string;
  /** Positions before the prompt that the request's deltas fill. */
  readonly positionsBefore: number;
}

/**
 * How many tokens may follow a prompt. Throws `context_length_exceeded` when the prompt and the positions before it leave no
 * room, or less than the request asks for.
 */
export function tokenLimit(
  model: Pick<PromptModel, "capacity">,
  promptTokens: number,
  { requested, usual = null, param, prompt = "the prompt", positionsBefore }: TokenDemand,
): number {
  const room = model.capacity - positionsBefore - promptTokens;
  if (room >= (requested ?? 1)) return requested ?? Math.min(room, usual ?? room);
  const isLess = requested === null || requested === 0;
  const wanted = isLess ? "" : ` and ${requested} were asked for after it`;
  const taken = positionsBefore === 0 ? "" : `, of which the deltas take ${positionsBefore}`;
  throw new TrimtabError(
    "context_length_exceeded",
    `this model's context is ${model.capacity} tokens${taken}, but ${prompt} has ${promptTokens}${wanted}; shorten the prompt` +
      (isLess ? "" : " or lower max_tokens"),
    { param: requested === null || room < 1 ? param : "max_tokens" },
  );
}
