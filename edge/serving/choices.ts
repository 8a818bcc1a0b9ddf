import type { StartEvent } from "../../shared/decode/events.ts";
import { LEADER } from "../../shared/decode/processor.ts";
import { type DecodeFields, type DecodeSettings, decodeSettings } from "../../shared/decode/registry.ts";
import { Sequence, type SequenceOptions } from "../../shared/decode/sequence.ts";
import type { CompanionRow } from "../../shared/decode/steering/part.ts";
import type { SteeringName } from "../../shared/decode/steering/registry.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { createRandom } from "../../shared/random.ts";
import type { CompiledRule } from "../../shared/rules/rule.ts";
import type { ReplyCalls } from "./calls.ts";
import type { CandidateScorer, ScoredChoice } from "./candidate-scorer.ts";
import { companionPrompt } from "./companion-prompt.ts";
import type { Generation, GenerationRow, PromptScoring, RowCondition } from "./generation.ts";
import { tokenLimit } from "./prompt.ts";
import type { GenerateRequest, Sampling } from "./protocol.ts";
import { RemoteCompanion } from "./remote-companion.ts";
import type { RowModel } from "./row-models.ts";
import type { ServedModel } from "./served-model.ts";
import { silentSequence } from "./silent-sequence.ts";
import type { SteeringPlan } from "./steering-plan.ts";

type ChoiceModel = Pick<
  ServedModel,
  "tokenizer" | "template" | "callSyntax" | "config" | "capacity" | "defaults" | "endTokens"
>;

/** OpenAI's defaults, used where neither the request nor the model sets a value. */
const OPENAI_SAMPLING = { temperature: 1, topP: 1 };
const OPENAI_COMPLETION_TOKENS = 16;

/** How long a companion on another base may take to get a row and to read its prompt. */
const REMOTE_DEADLINE_MS = 30_000;

/** Control tokens are not part of an answer. */
const SHOWN = { skipSpecial: true };

export interface ChoiceParts {
  /** Token ids of each prompt. */
  readonly prompts: readonly number[][];
  readonly plan: SteeringPlan;
  /** What the texts are held to; null: any text. */
  readonly rule: CompiledRule | null;
  /** Who weighs the likeliest tokens; absent: nobody. */
  readonly scorer?: CandidateScorer;
  /** How replies with tools are read; absent without tools. */
  readonly calls?: ReplyCalls;
  /** What scores prompt p while its first choice reads it; absent without scores of prompts. */
  readonly scoring?: (p: number) => PromptScoring | undefined;
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
  /** Whether every text of it is the same, since tokens are not drawn. */
  readonly isGreedy: boolean;
  /** How many rows a text takes. */
  readonly rowCount: number;
  /** Companions of a text in the batches of other bases. */
  readonly remotes: number;
  /** Whether a stop sequence is at the end of a text. */
  hasStop(tokens: () => readonly number[]): boolean;
  /** A text, by the number of the candidate. Each has a random stream of its own, and the first that of the choice. */
  generation(candidate?: number, changes?: Partial<Pick<SequenceOptions, "maxTokens" | "settings">>): Generation;
}

/**
 * Choice p·n + i is the i-th of prompt p, and each has its own random stream.
 *
 * Throws `invalid_request` for a bias of a token that the model does not have and for required phrases that do not fit,
 * `context_length_exceeded` as `tokenLimit`, and as `companionPrompt` does.
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
  const chosen = { ...decodeSettings(fields), ...plan.settings };
  // A character takes three bytes in UTF-8 for each of its units in UTF-16 at most, and a token holds a byte at least.
  const stopTokens = 3 * Math.max(0, ...sampling.stop.map(({ length }) => length)) + 4;
  const hasStop = (tokens: () => readonly number[]) => {
    if (sampling.stop.length === 0) return false;
    const end = tokenizer.decode(tokens().slice(-stopTokens), SHOWN);
    return sampling.stop.some((sequence) => end.includes(sequence));
  };
  return parts.prompts.flatMap((prompt, p) => {
    const { leader, companions } = rowsOf(model, { request, prompt, parts });
    const rows: Generation["rows"] = [leader, ...companions.filter(({ served }) => served === leader.served)];
    // Every row keeps the whole text, so the one with the least room decides how much there can be.
    const limits = [leader, ...companions].map(({ served, prompt: before, deltas, part }) =>
      tokenLimit(served, before.length, {
        requested: sampling.maxTokens,
        usual: usualTokens(model, request),
        ...(part === undefined
          ? { param: isChat ? "messages" : "prompt" }
          : { param: `steering.${part}`, prompt: `the prompt of a row that \`steering.${part}\` adds` }),
        positionsBefore: deltas.prefixTokens + deltas.virtualTokens,
      }),
    );
    const maxTokens = Math.min(...limits);
    requireRoomForPhrases(parts.rule, maxTokens);
    const settings = parts.rule === null ? chosen : { ...chosen, rules: { rule: parts.rule, maxTokens } };
    const remote = companions.filter(({ served }) => served !== leader.served);
    // A completion continues its prompt's text; a chat answer starts a new text.
    const after = isChat ? [] : prompt;
    const beginsText = tokenizer.decode(after, SHOWN) === "";
    const scored = scoredRows(rows, parts.scoring?.(p));
    return Array.from({ length: sampling.n }, (_, i): Choice => {
      const choice = p * sampling.n + i;
      const generation: Choice["generation"] = (candidate = 0, changes = {}) => {
        if (maxTokens === 0) return { rows: scored[i === 0 ? "first" : "others"], sequence: silentSequence({}, 1) };
        const random = createRandom(seed, "choice", choice, ...(candidate === 0 ? [] : ["candidate", candidate]));
        const sequence = new Sequence({
          choice,
          settings: { ...settings, ...scorerOf(parts, { prompt: p, after, endTokens }) },
          maxTokens,
          stop: sampling.stop,
          endTokens,
          // Whoever gets prompt and text as one counts tokens to tell them apart.
          scoresEnd: request.ofPrompts?.text === true,
          topLogprobs: sampling.topLogprobs,
          ...(request.traced === undefined ? {} : { traced: request.traced }),
          uniform: () => random.float(),
          ...(parts.calls?.create() ?? { decoder: tokenizer.stream({ ...SHOWN, after }) }),
          describe: (token, isFirst) => {
            const options = { first: isFirst && beginsText };
            return { token: tokenizer.textOf(token, options), bytes: [...tokenizer.bytesOf(token, options)] };
          },
          ...changes,
        });
        const remotes = remote.map(({ served: { loop }, role, ...row }) => {
          return new RemoteCompanion({
            tenant: request.tenant,
            role,
            loop,
            row,
            maxTokens,
            deadlineMs: REMOTE_DEADLINE_MS,
          });
        });
        const ownRows = scored[i === 0 ? "first" : "others"];
        return { rows: ownRows, sequence, ...(remotes.length === 0 ? {} : { remotes }) };
      };
      const counts = { rowCount: rows.length, remotes: remote.length };
      const isGreedy = settings.greedy;
      return { index: choice, prompt: p, maxTokens, endTokens, isGreedy, ...counts, hasStop, generation };
    });
  });
}

/** The rows of a prompt's first choice, which may score the prompt, and of the others. Prompts that are scored hardly come again. */
function scoredRows(rows: Generation["rows"], scoring: PromptScoring | undefined) {
  if (scoring === undefined) return { first: rows, others: rows };
  const others: Generation["rows"] = [{ ...rows[0], isOneOff: true }, ...rows.slice(1)];
  return { first: [{ ...others[0], scoring }, ...others.slice(1)] as Generation["rows"], others };
}

function scorerOf({ scorer }: ChoiceParts, choice: ScoredChoice): Pick<DecodeSettings, "scorer"> {
  return scorer === undefined ? {} : { scorer: scorer(choice) };
}

/** One generation for each choice. Throws as `choicePlans` does. */
export function choicesOf(model: ChoiceModel, request: GenerateRequest, parts: ChoiceParts): Generation[] {
  return choicePlans(model, request, parts).map((choice) => choice.generation());
}

/** `part`: of the steering that adds the row; undefined for the leader. */
type PlannedRow = GenerationRow & Pick<RowModel, "served"> & { readonly part?: SteeringName | "search" };

/** The rows of a prompt's choices: the leader, and what steering adds. */
function rowsOf(
  model: ChoiceModel,
  { request, prompt, parts }: { request: GenerateRequest; prompt: readonly number[]; parts: ChoiceParts },
): { readonly leader: PlannedRow; readonly companions: readonly PlannedRow[] } {
  const { plan, modelOf, condition } = parts;
  const own = condition === undefined ? {} : { condition };
  const companions = plan.companions.map((row): PlannedRow => {
    const param = `steering.${row.part}`;
    return {
      role: row.role,
      part: row.part,
      prompt: companionPrompt(model, row.prompt, { prompt: request.prompt, own: prompt, param }),
      ...modelOf(row.model),
      takes: { final: row.final ?? false, exits: row.exits ?? [] },
      ...(row.model === "own" ? own : {}),
    };
  });
  return { leader: { role: LEADER, prompt, ...modelOf("own"), takes: plan.takes, ...own }, companions };
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

function requireRoomForPhrases(rule: CompiledRule | null, maxTokens: number): void {
  const needed = rule?.requiredTokens ?? 0;
  if (needed <= maxTokens) return;
  const message = `The required phrases take at least ${needed} tokens, but the text may have ${maxTokens}. Raise max_tokens, or require less.`;
  throw new TrimtabError("invalid_request", message, { param: "steering.rules.required" });
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
