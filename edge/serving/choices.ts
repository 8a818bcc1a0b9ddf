import type { StartEvent } from "../../shared/decode/events.ts";
import { LEADER } from "../../shared/decode/processor.ts";
import { type DecodeFields, decodeSettings } from "../../shared/decode/registry.ts";
import { Sequence, type SequenceOptions } from "../../shared/decode/sequence.ts";
import type { CompanionRow } from "../../shared/decode/steering/part.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { createRandom } from "../../shared/random.ts";
import { companionPrompt } from "./companion-prompt.ts";
import type { Generation, GenerationRow, RowCondition } from "./generation.ts";
import { tokenLimit } from "./prompt.ts";
import type { GenerateRequest, Sampling } from "./protocol.ts";
import type { RowModel } from "./row-models.ts";
import type { ServedModel } from "./served-model.ts";
import type { SteeringPlan } from "./steering-plan.ts";

type ChoiceModel = Pick<ServedModel, "tokenizer" | "template" | "config" | "capacity" | "defaults" | "endTokens">;

/** OpenAI's defaults, used where neither the request nor the model sets a value. */
const OPENAI_SAMPLING = { temperature: 1, topP: 1 };
const OPENAI_COMPLETION_TOKENS = 16;

/** Control tokens are not part of an answer. */
const SHOWN = { skipSpecial: true };

export interface ChoiceParts {
  /** Token ids of each prompt. */
  readonly prompts: readonly number[][];
  readonly plan: SteeringPlan;
  /** What a row runs with. */
  readonly modelOf: (row: CompanionRow["model"]) => RowModel;
  /** Of the rows that run the request's own model. */
  readonly condition?: RowCondition;
  /** A seed, if the request gives none. */
  readonly randomSeed: () => number;
}

/** What makes the texts of one choice. */
export interface Choice {
  /** Its number in the answer. */
  readonly index: number;
  /** The prompt's place among those of the request. */
  readonly prompt: number;
  /** Tokens that a text of it may have. */
  readonly maxTokens: number;
  readonly endTokens: ReadonlySet<number>;
  /** How many rows a text takes. */
  readonly rowCount: number;
  /** Whether a stop sequence is at the end of a text. */
  hasStop(tokens: () => readonly number[]): boolean;
  /** A text, by the number of the candidate for the choice; each has a random stream of its own, and the first that of the choice. */
  generation(candidate?: number, changes?: Partial<Pick<SequenceOptions, "maxTokens" | "settings">>): Generation;
}

/**
 * Choice p·n + i is the i-th of prompt p, and each has its own random stream.
 *
 * Throws `invalid_request` for a bias of a token that the model does not have, `context_length_exceeded` as `tokenLimit`, and as
 * `companionPrompt` does.
 */
export function choicePlans(model: ChoiceModel, request: GenerateRequest, parts: ChoiceParts): Choice[] {
  const { sampling } = request;
  const { tokenizer } = model;
  const { plan } = parts;
  const seed = sampling.seed ?? parts.randomSeed();
  requireKnownTokens(model, sampling.settings.logitBias ?? []);
  const isChat = request.prompt.kind === "chat";
  const endTokens = sampling.ignoresEnd === true ? new Set<number>() : endTokensOf(model, isChat);
  const minTokens = { tokens: sampling.minTokens ?? 0, endTokens: [...endTokens] };
  const fields = { ...usedFields(model, sampling), minTokens, ...(plan.isGreedy === true ? { temperature: 0 } : {}) };
  const settings = { ...decodeSettings(fields), ...plan.settings };
  // A character takes three bytes in UTF-8 for each of its units in UTF-16 at most, and a token holds a byte at least.
  const stopTokens = 3 * Math.max(0, ...sampling.stop.map(({ length }) => length)) + 4;
  const hasStop = (tokens: () => readonly number[]) => {
    if (sampling.stop.length === 0) return false;
    const end = tokenizer.decode(tokens().slice(-stopTokens), SHOWN);
    return sampling.stop.some((sequence) => end.includes(sequence));
  };
  return parts.prompts.flatMap((prompt, p) => {
    const rows = rowsOf(model, { request, prompt, parts });
    // Every row keeps the whole text, so the one with the longest prompt decides how much there can be.
    const longest = rows.reduce((most, row) => (positionsOf(row) > positionsOf(most) ? row : most));
    const maxTokens = tokenLimit(model, longest.prompt.length, {
      requested: sampling.maxTokens,
      usual: usualTokens(model, request),
      param: isChat ? "messages" : "prompt",
      positionsBefore: longest.deltas.prefixTokens + longest.deltas.virtualTokens,
    });
    // A completion continues its prompt's text; a chat answer starts a new text.
    const after = isChat ? [] : prompt;
    const beginsText = tokenizer.decode(after, SHOWN) === "";
    return Array.from({ length: sampling.n }, (_, i): Choice => {
      const choice = p * sampling.n + i;
      const generation: Choice["generation"] = (candidate = 0, changes = {}) => {
        const random = createRandom(seed, "choice", choice, ...(candidate === 0 ? [] : ["candidate", candidate]));
        const sequence = new Sequence({
          choice,
          settings,
          maxTokens,
          stop: sampling.stop,
          endTokens,
          topLogprobs: sampling.topLogprobs,
          ...(request.traced === undefined ? {} : { traced: request.traced }),
          uniform: () => random.float(),
          decoder: tokenizer.stream({ ...SHOWN, after }),
          describe: (token, isFirst) => {
            const options = { first: isFirst && beginsText };
            return { token: tokenizer.textOf(token, options), bytes: [...tokenizer.bytesOf(token, options)] };
          },
          ...changes,
        });
        return { rows, sequence };
      };
      return { index: choice, prompt: p, maxTokens, endTokens, rowCount: rows.length, hasStop, generation };
    });
  });
}

/** One generation for each choice. Throws as `choicePlans` does. */
export function choicesOf(model: ChoiceModel, request: GenerateRequest, parts: ChoiceParts): Generation[] {
  return choicePlans(model, request, parts).map((choice) => choice.generation());
}

/** The rows of a prompt's choices: the leader, then what steering adds. */
function rowsOf(
  model: ChoiceModel,
  { request, prompt, parts }: { request: GenerateRequest; prompt: readonly number[]; parts: ChoiceParts },
): Generation["rows"] {
  const { plan, modelOf, condition } = parts;
  const own = condition === undefined ? {} : { condition };
  const leader: GenerationRow = { role: LEADER, prompt, ...modelOf("own"), takes: plan.takes, ...own };
  const companions = plan.companions.map((row): GenerationRow => {
    const param = `steering.${row.part}`;
    return {
      role: row.role,
      prompt: companionPrompt(model, row.prompt, { prompt: request.prompt, own: prompt, param }),
      ...modelOf(row.model),
      takes: { final: row.final ?? false, exits: row.exits ?? [] },
      ...(row.model === "own" ? own : {}),
    };
  });
  return [leader, ...companions];
}

function positionsOf({ prompt, deltas }: GenerationRow): number {
  return deltas.prefixTokens + deltas.virtualTokens + prompt.length;
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
