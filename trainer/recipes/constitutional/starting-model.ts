/** The model that a job starts from, to write with and to ask before anything is trained. */
import { continuedValues } from "../../../shared/package/continued-adapters.ts";
import { attachMethods } from "../../../shared/peft/combine.ts";
import type { AttachedMethod } from "../../../shared/peft/method.ts";
import type { PeftChoice } from "../../../shared/peft/presets.ts";
import { longestOf, type TokenizedExample, type Unit } from "../../data/units.ts";
import { unitsWithVirtualTokens } from "../../data/virtual-tokens.ts";
import { Generator } from "../../eval/generator.ts";
import { createProgramCache } from "../../loop/program-cache.ts";
import { frozenTensors } from "../causal-graphs.ts";
import { longestSequence } from "../job-data.ts";
import { loadStart } from "../parent.ts";
import type { RecipeContext, RecipeJob } from "../recipe.ts";
import { createScorer, type Scorer } from "../scorer.ts";
import { promptEncoder } from "./prompt-encoder.ts";
import type { PromptText } from "./prompts.ts";

export interface Written {
  readonly text: string;
  /** Whether the model ended it by itself. */
  readonly ended: boolean;
}

/** Whether a text can be judged and imitated: whole, and not empty. */
export const isUsable = ({ text, ended }: Written): boolean => ended && text.trim() !== "";

export interface Sampling {
  readonly samples: number;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topP: number;
  readonly seed: number;
}

export interface StartingModel {
  /** The longest text in tokens, prompt included. */
  readonly maxLength: number;
  readonly hasChatTemplate: boolean;
  /** Texts behind each prompt; none behind one that leaves no room for `maxTokens`, or that the chat template refuses. */
  write(prompts: readonly PromptText[], sampling: Sampling): Promise<Written[][]>;
  /** log p of each answer behind each prompt; null for a prompt that leaves no room. Every answer has one token or more. */
  logProbabilities(prompts: readonly PromptText[], answers: readonly string[]): Promise<(readonly number[] | null)[]>;
  /** e to the mean −log p of a token of each prompt's answer; null for a prompt that leaves no room. */
  perplexities(prompts: readonly PromptText[], answers: readonly string[]): Promise<(number | null)[]>;
  dispose(): Promise<void>;
}

const SLOTS = 16;
/** Tokens of one batch that is scored, at most, and of its shortest rows. */
const SCORED_TOKENS = 2_048;
const MIN_ROW = 64;

/**
 * Loads the base, or the tuned model to continue from, as training starts from it. Throws `invalid_request` for a `max_length`
 * beyond its context, and `invalid_model` where a chat meets a model without a template.
 */
export async function loadStartingModel(
  job: RecipeJob<{ readonly peft: PeftChoice; readonly hyperparameters: { readonly max_length?: number | undefined } }>,
  { executor, yieldToEventLoop }: Pick<RecipeContext, "executor" | "yieldToEventLoop">,
  param: string,
): Promise<StartingModel> {
  const { config, weights, tokenizer, resumed } = loadStart(job.base.files, job.parent);
  const method: AttachedMethod = resumed === undefined ? BARE : await adapters(resumed);
  const { virtualTokens = 0, prefixTokens = 0 } = method;
  const learned = virtualTokens + prefixTokens;
  const maxLength = longestSequence(config, job.settings.hyperparameters.max_length, {
    methodPositions: learned,
    param: `${param}.hyperparameters.max_length`,
  });
  const encode = promptEncoder(tokenizer, new Date(job.createdAt * 1000));
  const frozen = frozenTensors(weights, method);
  const made: { generator?: Generator } = {};
  const kept = createProgramCache(executor);
  const scorers = new Map<number, Scorer>();

  /** A scorer with room for texts of this length; few sizes, so that few graphs are compiled. */
  function scorerFor(length: number): Scorer {
    const size = Math.min(maxLength, 2 ** Math.ceil(Math.log2(Math.max(length, MIN_ROW))));
    const shape = { rows: Math.max(1, Math.floor(SCORED_TOKENS / size)), tokens: virtualTokens + size };
    const rows = { shape, packing: false, padId: tokenizer.padId };
    const scorer = scorers.get(size) ?? createScorer(kept, { config, weights, method, rows, yieldToEventLoop });
    scorers.set(size, scorer);
    return scorer;
  }

  const isWithin = (example: TokenizedExample | null) => example !== null && example.ids.length <= maxLength;

  async function adapters({ files, manifest }: NonNullable<typeof resumed>): Promise<AttachedMethod> {
    const settings = job.settings.peft;
    const attached = attachMethods({
      ...{ config, weights, settings, seed: job.seed, param: `${param}.peft` },
      encode: (text) => tokenizer.encode(text),
    });
    const { initial } = attached;
    const values = { files, manifest, config, weights, settings, param: `${param}.peft`, initial };
    return { ...attached, initial: await continuedValues(values), startsAsBase: false };
  }

  return {
    maxLength,
    hasChatTemplate: tokenizer.chatTemplate !== undefined,
    async write(prompts, { samples, maxTokens, temperature, topP, seed }) {
      made.generator ??= await Generator.create(executor, {
        ...{ config, frozen, method, slots: SLOTS, capacity: learned + maxLength },
      });
      const encoded = prompts.map((prompt) => encode.ids(prompt));
      const fits = encoded.flatMap((ids, at) => (ids.length > 0 && ids.length + maxTokens <= maxLength ? [at] : []));
      const written = await made.generator.generate(
        fits.map((at) => ({ tokens: encoded[at]!, samples })),
        { maxTokens, temperature, topP, seed, isEnd: encode.isEnd, logprobs: false, yieldToEventLoop },
      );
      const texts = prompts.map((): Written[] => []);
      for (const [i, replies] of written.entries()) {
        const at = fits[i]!;
        texts[at] = replies.map(({ tokens, ended }) => {
          const own = ended ? tokens.slice(0, -1) : tokens;
          return { text: encode.text(prompts[at]!, encoded[at]!, own), ended };
        });
      }
      return texts;
    },
    async logProbabilities(prompts, answers) {
      const found = await scored(prompts.map((prompt) => answers.map((answer) => encode.answered(prompt, answer))));
      return found.map((scores) => scores?.map((own) => sumOf(own)) ?? null);
    },
    async perplexities(prompts, answers) {
      const found = await scored(prompts.map((prompt, at) => [encode.answered(prompt, answers[at]!)]));
      return found.map((scores) => {
        const own = scores?.[0];
        return own === undefined || own.length === 0 ? null : Math.exp(-sumOf(own) / own.length);
      });
    },
    dispose: async () => void (await Promise.all([made.generator?.dispose(), kept.dispose()])),
  };

  /** log p of every trained token of each example; null where one of a list leaves no room. */
  async function scored(encoded: readonly (readonly (TokenizedExample | null)[])[]) {
    const fits = encoded.flatMap((examples, at) => (examples.every(isWithin) ? [at] : []));
    const units = fits.map((at): Unit => ({ examples: encoded[at] as TokenizedExample[] }));
    const score = scorerFor(longestOf(units));
    const scores = await score(unitsWithVirtualTokens(units, virtualTokens, tokenizer.padId), method.initial);
    const found = encoded.map((): (typeof scores)[number] | null => null);
    for (const [i, at] of fits.entries()) found[at] = scores[i]!;
    return found;
  }
}

const sumOf = (values: Float32Array): number => values.reduce((sum, value) => sum + value, 0);

const BARE: AttachedMethod = { parameters: [], initial: new Map(), startsAsBase: true, randomInputs: () => [] };
