/** Searches over a tiny model's batch. */

import { BARE, type RowDeltas, rowDeltas, servingDelta } from "../../../../edge/runtime/serving-delta.ts";
import type { WeightSet } from "../../../../edge/runtime/weight-set.ts";
import { BatchLoop } from "../../../../edge/serving/batch-loop.ts";
import type { Choice } from "../../../../edge/serving/choices.ts";
import type { Generation, GenerationRow } from "../../../../edge/serving/generation.ts";
import { runSearch } from "../../../../edge/serving/search/run-search.ts";
import type { ScoreTexts, SearchEnd } from "../../../../edge/serving/search/search-run.ts";
import { yieldToEventLoop } from "../../../../edge/serving/yield-to-event-loop.ts";
import type { GenerateEvent, SearchReport } from "../../../../shared/decode/events.ts";
import { LEADER } from "../../../../shared/decode/processor.ts";
import type { DecodeSettings } from "../../../../shared/decode/registry.ts";
import { Sequence } from "../../../../shared/decode/sequence.ts";
import { createRandom } from "../../../../shared/random.ts";
import type { Judge } from "../../../../shared/search/plan.ts";
import { SearchRequest } from "../../../../shared/search/registry.ts";
import { randomDelta, TINY, type TinyOptions, tinyParts } from "../../runtime/tiny-model.ts";

export const DRAWN: DecodeSettings = { greedy: false, temperature: 1, nucleus: 1 };
export const JUDGE_ROLE = "search";

/** Of h [D]: a sum with fixed random weights. */
export const JUDGE: Judge = {
  role: JUDGE_ROLE,
  readsEnd: false,
  score(final) {
    const random = createRandom(3, "judge");
    return final.reduce((sum, value) => sum + value * random.normal(), 0);
  },
};

export async function tinyLoop(options: TinyOptions & { readonly quota?: number } = {}) {
  const tiny = await tinyParts(options);
  const { quota = tiny.slab.slots } = options;
  return { ...tiny, loop: new BatchLoop({ ...tiny, chunk: 4, keepPrompts: true, quota, yieldToEventLoop }) };
}
export type TinyLoop = Awaited<ReturnType<typeof tinyLoop>>;

export interface Asked {
  readonly search: unknown;
  readonly seed?: number;
  readonly choices?: number;
  readonly prompt?: readonly number[];
  readonly maxTokens?: number;
  readonly endTokens?: readonly number[];
  readonly settings?: DecodeSettings;
  /** Companions besides the judge. */
  readonly rows?: readonly Partial<GenerationRow>[];
  readonly judge?: Judge;
  readonly stop?: readonly number[];
  readonly topLogprobs?: number | null;
  readonly traced?: number;
  readonly scoreTexts?: ScoreTexts;
  readonly tenant?: string;
  readonly stateKey?: string;
}

/** The judge's row runs with a delta of its own, as a classifier does. */
const judgeDeltas: RowDeltas = rowDeltas([
  { delta: servingDelta("judge", randomDelta("judge", ["factors"])), weight: 1 },
]);

/** A text of the tiny model is its tokens' numbers, each with a blank behind it. */
export function choicesFor(weights: WeightSet, asked: Asked): Choice[] {
  const { seed = 5, choices = 1, prompt = [3, 1, 4], maxTokens = 8, endTokens = [], settings = DRAWN } = asked;
  const more: readonly Partial<GenerationRow>[] = [
    ...(asked.rows ?? []),
    ...(asked.judge === undefined ? [] : [{ role: JUDGE_ROLE, prompt: [1], deltas: judgeDeltas, stateKey: "judge" }]),
  ];
  const rows = [{ role: LEADER }, ...more].map(
    (row): GenerationRow => ({
      role: LEADER,
      prompt,
      weights,
      deltas: BARE,
      stateKey: "bare",
      ...row,
    }),
  );
  return Array.from(
    { length: choices },
    (_, index): Choice => ({
      index,
      prompt: 0,
      maxTokens,
      endTokens: new Set(endTokens),
      rowCount: rows.length,
      remotes: 0,
      isGreedy: settings.greedy,
      hasStop: (tokens) => (asked.stop ?? []).includes(tokens().at(-1)!),
      generation(candidate = 0, changes = {}) {
        const random = createRandom(seed, "choice", index, ...(candidate === 0 ? [] : ["candidate", candidate]));
        const sequence = new Sequence({
          choice: index,
          settings,
          maxTokens,
          stop: (asked.stop ?? []).map((token) => `${token} `),
          endTokens: new Set(endTokens),
          topLogprobs: asked.topLogprobs === undefined ? 0 : asked.topLogprobs,
          ...(asked.traced === undefined ? {} : { traced: asked.traced }),
          uniform: () => random.float(),
          decoder: { push: (token) => `${token} `, flush: () => "" },
          describe: (token) => ({ token: String(token), bytes: [] }),
          ...changes,
        });
        return { rows: rows as unknown as Generation["rows"], sequence };
      },
    }),
  );
}

export interface Found {
  readonly tokens: number[];
  readonly text: string;
  readonly report: SearchReport | undefined;
  readonly reason: string | undefined;
  readonly logprobs: number[];
}

/** Runs a search to its end. `cancel` ends it. */
export function search({ loop, weights }: Pick<TinyLoop, "loop" | "weights">, asked: Asked) {
  const events: GenerateEvent[] = [];
  const parsed = SearchRequest.parse(asked.search);
  let cancel = () => {};
  const end: Promise<SearchEnd> = runSearch(
    {
      loop,
      tenant: asked.tenant ?? "acme",
      choices: choicesFor(weights, asked),
      plan: { asked: parsed, ...(asked.judge === undefined ? {} : { judge: asked.judge }) },
      emit: (event) => void events.push(event),
      yieldToEventLoop,
      ...(asked.scoreTexts === undefined ? {} : { scoreTexts: asked.scoreTexts }),
    },
    (stop) => {
      cancel = stop;
    },
  );
  return { end, events, cancel: () => cancel() };
}

export function found(events: readonly GenerateEvent[], choice = 0): Found {
  const own = events.filter((event) => "choice" in event && event.choice === choice);
  const tokens = own.flatMap((event) => (event.type === "token" ? (event.logprobs ?? []) : []));
  const last = own.at(-1);
  return {
    tokens: tokens.map(({ id }) => id),
    logprobs: tokens.map(({ logprob }) => logprob),
    text: own.map((event) => (event.type === "token" ? event.text : "")).join(""),
    report: last?.type === "finish" ? last.search : undefined,
    reason: last?.type === "finish" ? last.reason : undefined,
  };
}

/** One candidate as a request without a search. */
export async function plain(
  { loop, weights }: Pick<TinyLoop, "loop" | "weights">,
  asked: Omit<Asked, "search">,
  candidate = 0,
) {
  const events: GenerateEvent[] = [];
  const [choice] = choicesFor(weights, { ...asked, search: undefined }) as [Choice];
  const generation = choice.generation(candidate);
  await new Promise<void>((resolve, reject) => {
    loop.submit({
      tenant: asked.tenant ?? "plain",
      generations: [generation],
      emit: (event) => void events.push(event),
      settle: ({ error }) => (error === undefined ? resolve() : reject(error)),
    });
  });
  return { ...found(events), events };
}

export const tokensOf = (length: number, from: number) =>
  Array.from({ length }, (_, i) => (from + 7 * i) % TINY.vocabSize);
