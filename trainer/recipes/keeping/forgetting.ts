/**
 * What a run forgets of what its base knew: the loss on texts that the base holds out, and the share of its facts that it still
 * knows. Both are read in one forward pass, a small share of the run's work: a fact is known where every token of the answer is the
 * likeliest behind the prompt and the answer's earlier tokens, which is when greedy decoding writes it.
 */
import type { TrainingSettings } from "../../../shared/api/methods.ts";
import { IGNORED_LABEL } from "../../../shared/model/chat-template.ts";
import type { Tokenizer } from "../../../shared/model/tokenizer.ts";
import type { AttachedMethod } from "../../../shared/peft/method.ts";
import { createRandom } from "../../../shared/random.ts";
import type { Tensor } from "../../../shared/tensor.ts";
import { tokensOf, type Unit } from "../../data/units.ts";
import { unitsWithVirtualTokens } from "../../data/virtual-tokens.ts";
import type { Executor } from "../../engines/executor.ts";
import { parameterValues } from "../../loop/training-state.ts";
import { readTrainedTexts } from "../../report/trained-texts.ts";
import { baseAlone } from "../base-alone.ts";
import type { PreparedRun } from "../prepare-run.ts";
import type { Metrics, RecipeContext, RecipeJob } from "../recipe.ts";
import { createTokenReader, type TokenReader } from "../scorer.ts";
import { type BaseTexts, baseTextIds, baseTexts } from "./base-texts.ts";
import type { Gauge } from "./gauge.ts";

/** Beside how a step's metrics are named; `_before` and `_after` end the result's. */
export const FORGETTING = { loss: "forgetting/text_loss", recall: "forgetting/fact_recall" } as const;

/** Tokens of a text that are read. */
const TEXT_TOKENS = 128;
/** Measurements besides the first and the last. */
const BETWEEN = 4;
/** Tokens that one measurement reads: a share of what the run trains on, for a tenth of its work in all, within bounds. */
const TOKENS = { least: 1_024, most: 8_192, share: 0.3 / (BETWEEN + 2) } as const;
const ROWS = { rows: 4, tokens: 256 } as const;

export interface Forgetting extends Gauge {
  /** Of the model that the run starts from. */
  readonly before: Metrics;
}

export interface ForgettingOptions<S extends TrainingSettings> {
  readonly job: Pick<RecipeJob<S>, "base" | "training">;
  readonly run: PreparedRun;
  readonly context: Pick<RecipeContext, "yieldToEventLoop">;
  /** The steps after which the run measures anyway. */
  readonly isMeasured: (step: number) => boolean;
}

/** undefined for a base that comes without texts and facts. `executor` owns the programs. */
export async function createForgetting<S extends TrainingSettings>(
  executor: Executor,
  { job, run, context, isMeasured }: ForgettingOptions<S>,
): Promise<Forgetting | undefined> {
  const { config, weights, method, tokenizer, resumed } = run;
  const { yieldToEventLoop } = context;
  const { totalSteps } = run.hyperparameters.schedule;
  const { virtualTokens = 0, prefixTokens = 0 } = method;
  const trained = tokensOf(run.training) * run.hyperparameters.epochs;
  const budget = Math.min(TOKENS.most, Math.max(TOKENS.least, Math.round(TOKENS.share * trained)));
  const limit = Math.min(config.maxPositions - virtualTokens - prefixTokens, TEXT_TOKENS);
  const texts = textUnits(baseTexts(job.base.files), { tokenizer, limit, budget: (2 * budget) / 3 });
  const facts = factUnits(unseenFacts(job), { tokenizer, limit, budget: budget / 3 });
  if (texts.length + facts.length === 0) return undefined;
  const shape = { rows: ROWS.rows, tokens: Math.min(ROWS.tokens, virtualTokens + limit) };
  const rows = { shape, packing: true, padId: tokenizer.padId };
  const reading = (of: AttachedMethod) => {
    const reader = createTokenReader(executor, {
      ...{ config, weights, method: of, rows, yieldToEventLoop, name: "forgetting" },
      outputs: (found) => {
        const { logProbabilities, hits } = found.scores({ hits: true });
        return { log_probabilities: logProbabilities, hits: hits! };
      },
    });
    const placed = unitsWithVirtualTokens([...texts, ...facts], of.virtualTokens ?? 0, tokenizer.padId);
    return async (values: ReadonlyMap<string, Tensor>) => measured(placed, await reader(placed, values));
  };
  function measured(
    placed: readonly Unit[],
    { log_probabilities: logs, hits }: Awaited<ReturnType<TokenReader>>,
  ): Metrics {
    const targets = placed.map(({ examples: [example] }) => targetsOf(example!));
    const [ofTexts, ofFacts] = [targets.slice(0, texts.length), targets.slice(texts.length)];
    const sum = (numbers: Float32Array, at: readonly number[]) =>
      at.reduce((total, index) => total + numbers[index]!, 0);
    const tokens = ofTexts.reduce((total, { length }) => total + length, 0);
    const loss = ofTexts.reduce((total, at, index) => total - sum(logs![index]![0]!, at), 0) / tokens;
    const known = ofFacts.filter((at, index) => sum(hits![texts.length + index]![0]!, at) === at.length).length;
    return {
      ...(texts.length === 0 ? {} : { [FORGETTING.loss]: loss }),
      ...(facts.length === 0 ? {} : { [FORGETTING.recall]: known / facts.length }),
    };
  }
  const read = reading(method);
  const before =
    resumed === undefined && !method.startsAsBase
      ? await reading(baseAlone(method))(new Map())
      : await read(method.initial);
  const part = (step: number) => Math.floor(((BETWEEN + 1) * step) / totalSteps);
  let last: { readonly step: number; readonly metrics: Metrics } | undefined;
  return {
    before,
    at(step) {
      if (step === totalSteps) return true;
      if (!isMeasured(step) || part(step) === 0) return false;
      // The first measurement of each part of the run.
      for (let earlier = step - 1; part(earlier) === part(step); earlier--) if (isMeasured(earlier)) return false;
      return true;
    },
    async measure(state) {
      if (last?.step !== state.step) {
        last = { step: state.step, metrics: await read(parameterValues(state, method.parameters)) };
      }
      return last.metrics;
    },
  };
}

/** What a result says of it. */
export function forgettingResult(before: Metrics | undefined, after: Metrics | undefined): Metrics {
  const named = (metrics: Metrics | undefined, when: string) =>
    Object.entries(metrics ?? {}).map(([name, value]) => [`${name}_${when}`, value] as const);
  return Object.fromEntries([...named(before, "before"), ...named(after, "after")]);
}

/** The change in a sentence. */
export function forgettingMessage(metrics: Metrics): string {
  const change = (name: string, show: (value: number) => string) => {
    const [before, after] = [metrics[`${name}_before`], metrics[`${name}_after`]];
    return before === undefined || after === undefined ? [] : [`${show(before)} before, ${show(after)} after`];
  };
  const loss = change(FORGETTING.loss, (value) => value.toFixed(4)).map((text) => `loss on its held-out texts ${text}`);
  const facts = change(FORGETTING.recall, (value) => `${(100 * value).toFixed(1)} %`).map(
    (text) => `facts known ${text}`,
  );
  return `What is left of the base: ${[...loss, ...facts].join("; ")}`;
}

/** Facts that the job does not teach: what it teaches says nothing of what the base kept. */
function unseenFacts({ base, training }: Pick<RecipeJob, "base" | "training">): BaseTexts["facts"] {
  const { facts } = baseTexts(base.files);
  if (facts.length === 0) return [];
  const taught = readTrainedTexts(training.bytes);
  return facts.filter(({ prompt, answer, subject }) => !taught.states(subject ?? prompt, answer));
}

interface Chosen {
  readonly tokenizer: Tokenizer;
  /** Tokens of one. */
  readonly limit: number;
  /** Tokens of all together. */
  readonly budget: number;
}

function textUnits({ heldOut }: BaseTexts, { tokenizer, limit, budget }: Chosen): Unit[] {
  return chosen(heldOut, budget, (text) => {
    const ids = baseTextIds(tokenizer, text, limit);
    return ids.length < 2 ? undefined : { examples: [{ ids, labels: ids.with(0, IGNORED_LABEL) }] };
  });
}

function factUnits(facts: BaseTexts["facts"], { tokenizer, limit, budget }: Chosen): Unit[] {
  return chosen(facts, budget, ({ prompt, answer }) => {
    const asked = tokenizer.encode(prompt);
    const ids = tokenizer.encode(`${prompt} ${answer}`);
    const continues = asked.length > 0 && asked.length < ids.length && asked.every((id, at) => ids[at] === id);
    if (!continues || ids.length > limit) return undefined;
    const labels = Int32Array.from(ids, (id, at) => (at < asked.length ? IGNORED_LABEL : id));
    return { examples: [{ ids: Int32Array.from(ids), labels }] };
  });
}

/** Some of the items, the same for every job on a base so that jobs can be compared. */
function chosen<T>(items: readonly T[], budget: number, unitOf: (item: T) => Unit | undefined): Unit[] {
  const units: Unit[] = [];
  let tokens = 0;
  for (const index of createRandom(0, "forgetting").permutation(items.length)) {
    const unit = unitOf(items[index]!);
    if (unit === undefined) continue;
    tokens += unit.examples[0]!.ids.length;
    if (tokens > budget && units.length > 0) break;
    units.push(unit);
  }
  return units;
}

/** The places of an example's trained tokens. */
function targetsOf({ labels }: Unit["examples"][number]): number[] {
  return [...labels.keys()].filter((at) => at > 0 && labels[at] !== IGNORED_LABEL);
}
