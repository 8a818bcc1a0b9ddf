import type { StartEvent } from "../../shared/decode/events.ts";
import { LEADER } from "../../shared/decode/processor.ts";
import { type DecodeFields, decodeSettings } from "../../shared/decode/registry.ts";
import { Sequence } from "../../shared/decode/sequence.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { createRandom } from "../../shared/random.ts";
import type { RowDeltas } from "../runtime/serving-delta.ts";
import type { WeightSet } from "../runtime/weight-set.ts";
import type { Generation } from "./generation.ts";
import { tokenLimit } from "./prompt.ts";
import type { GenerateRequest, Sampling } from "./protocol.ts";
import type { ServedModel } from "./served-model.ts";

type ChoiceModel = Pick<ServedModel, "tokenizer" | "template" | "config" | "capacity" | "defaults" | "endTokens">;

/** OpenAI's defaults, used where neither the request nor the model sets a value. */
const OPENAI_SAMPLING = { temperature: 1, topP: 1 };
const OPENAI_COMPLETION_TOKENS = 16;

/** Control tokens are not part of an answer. */
const SHOWN = { skipSpecial: true };

export interface ChoiceParts {
  /** Token ids of each prompt. */
  readonly prompts: readonly number[][];
  readonly weights: WeightSet;
  readonly deltas: RowDeltas;
  /** A seed, if the request gives none. */
  readonly randomSeed: () => number;
}

/**
 * One generation for each choice: choice p·n + i is the i-th of prompt p, and each has its own random stream.
 *
 * Throws `invalid_request` for a bias of a token that the model does not have, `context_length_exceeded` as `tokenLimit`.
 */
export function choicesOf(model: ChoiceModel, request: GenerateRequest, parts: ChoiceParts): Generation[] {
  const { sampling } = request;
  const { tokenizer } = model;
  const seed = sampling.seed ?? parts.randomSeed();
  requireKnownTokens(model, sampling.settings.logitBias ?? []);
  const isChat = request.prompt.kind === "chat";
  const endTokens = sampling.ignoresEnd === true ? new Set<number>() : endTokensOf(model, isChat);
  const minTokens = { tokens: sampling.minTokens ?? 0, endTokens: [...endTokens] };
  const settings = decodeSettings({ ...usedFields(model, sampling), minTokens });
  const { weights, deltas } = parts;
  const stateKey = stateKeyOf(request);
  return parts.prompts.flatMap((prompt, p) => {
    const maxTokens = tokenLimit(model, prompt.length, {
      requested: sampling.maxTokens,
      usual: usualTokens(model, request),
      param: isChat ? "messages" : "prompt",
      positionsBefore: deltas.prefixTokens + deltas.virtualTokens,
    });
    // A completion continues its prompt's text; a chat answer starts a new text.
    const after = isChat ? [] : prompt;
    const beginsText = tokenizer.decode(after, SHOWN) === "";
    return Array.from({ length: sampling.n }, (_, i): Generation => {
      const choice = p * sampling.n + i;
      const random = createRandom(seed, "choice", choice);
      const sequence = new Sequence({
        choice,
        settings,
        maxTokens,
        stop: sampling.stop,
        endTokens,
        topLogprobs: sampling.topLogprobs,
        uniform: () => random.float(),
        decoder: tokenizer.stream({ ...SHOWN, after }),
        describe: (token, isFirst) => {
          const options = { first: isFirst && beginsText };
          return { token: tokenizer.textOf(token, options), bytes: [...tokenizer.bytesOf(token, options)] };
        },
      });
      return { rows: [{ role: LEADER, prompt, weights, deltas, stateKey }], sequence };
    });
  });
}

/** The request's sampling fields, with the model's defaults and then OpenAI's where it has none. */
function usedFields({ defaults }: Pick<ChoiceModel, "defaults">, { settings }: Sampling): DecodeFields {
  return { ...OPENAI_SAMPLING, ...defaults.sampling, ...settings };
}

/** How many tokens a request gets at most that does not say; null: all that there is room for. */
function usualTokens({ defaults }: Pick<ChoiceModel, "defaults">, request: GenerateRequest): number | null {
  const usual = defaults.maxNewTokens ?? (request.prompt.kind === "chat" ? null : OPENAI_COMPLETION_TOKENS);
  return usual === null ? null : Math.max(usual, request.sampling.minTokens ?? 0);
}

/** A chat turn may end with different tokens than plain text. */
function endTokensOf(model: ChoiceModel, isChat: boolean): ReadonlySet<number> {
  return isChat ? new Set([...model.endTokens, ...model.template().stopIds]) : model.endTokens;
}

/** The event that tells a request's sender which values are used. */
export function startOf(model: Pick<ChoiceModel, "defaults">, request: GenerateRequest): StartEvent {
  const { temperature, topP } = usedFields(model, request.sampling);
  return { type: "start", temperature, topP, maxTokens: request.sampling.maxTokens ?? usualTokens(model, request) };
}

/**
 * Identifies everything besides the tokens and the base that a row's states depend on. It includes the tenant: even
 * equal states are never shared between tenants, because the time saved would reveal what another tenant has asked.
 */
export function stateKeyOf({ tenant, model }: Pick<GenerateRequest, "tenant" | "model">): string {
  const deltas = model.deltas.filter(({ weight }) => weight !== 0).map(({ digest, weight }) => [digest, weight]);
  return JSON.stringify([tenant, model.weights?.digest ?? null, deltas]);
}

function requireKnownTokens(
  { config: { vocabSize } }: ChoiceModel,
  bias: readonly (readonly [token: number, bias: number])[],
): void {
  const unknown = bias.find(([token]) => token >= vocabSize)?.[0];
  if (unknown === undefined) return;
  throw new TrimtabError("invalid_request", `the token ${unknown} is outside the vocabulary of ${vocabSize}`, {
    param: `logit_bias.${unknown}`,
  });
}
