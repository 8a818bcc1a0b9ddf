/** The lines that a reward model learns from, whatever their kind, as units with the columns of its loss. */
import type { RewardModelSettings } from "../../../shared/api/reward-model-settings.ts";
import { recordError } from "../../../shared/data/columns.ts";
import { completionKey } from "../../../shared/data/completion.ts";
import { KindCheck } from "../../../shared/data/dataset-kinds/kind-check.ts";
import { constantRatings } from "../../../shared/data/dataset-kinds/ratings.ts";
import { datasetKind } from "../../../shared/data/dataset-kinds/registry.ts";
import { answeredPrompt, pairExamples, readPreferenceRecord } from "../../../shared/data/preference-pair.ts";
import { readRankingRecord } from "../../../shared/data/ranking.ts";
import { type Rating, readRatingRecord } from "../../../shared/data/rating.ts";
import { isMetadata } from "../../../shared/data/training-lines.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { parseJsonl } from "../../../shared/formats/jsonl.ts";
import { createRandom } from "../../../shared/random.ts";
import type { UnitLine } from "../../data/examples.ts";
import type { Dataset } from "../recipe.ts";
import { drawnPairs, orderedPairs } from "./ordered-pairs.ts";

/** The kinds of data, in the order in which a file that is of several is taken for one. */
export const REWARD_KINDS = ["preference_pairs", "rankings", "ratings"] as const;
export type RewardKind = (typeof REWARD_KINDS)[number];

export interface RewardLine extends UnitLine {
  /** The prompt, so that lines of one prompt can stay together. */
  readonly prompt: string;
}

/** The unit columns: what a pair's rewards should differ by at least, and the rating of a completion. */
export const MARGIN = "margin";
export const RATING = "rating";
/** A number for each prompt, on the units of ratings. No graph reads it. */
export const PROMPT = "prompt";

/**
 * Which of the kinds a file is of. Throws `invalid_file` at the first line that is of none of them, and `invalid_dataset` for a
 * file of another kind.
 */
export function kindOfFile({ bytes, name }: Dataset, param: "training_file" | "validation_file"): RewardKind {
  const check = new KindCheck();
  let records = 0;
  for (const { number, value } of parseJsonl(bytes, { name })) {
    records += 1;
    if (!isMetadata(value, records)) check.add(value, { number, unit: "line", file: name });
  }
  const { kinds, unfit } = check.end();
  const kind = REWARD_KINDS.find((one) => kinds.includes(one));
  if (kind !== undefined) return kind;
  const reason = REWARD_KINDS.flatMap((one) => unfit[one] ?? [])[0];
  if (reason !== undefined) throw new TrimtabError("invalid_file", reason, { param });
  const wanted = REWARD_KINDS.map((one) => datasetKind(one).holds).join(", or ");
  throw new TrimtabError("invalid_dataset", `${name} must hold ${wanted}`, { param });
}

/**
 * The lines of a file of that kind. The seed is of the pairs that are drawn. Throws `invalid_file` with the line's number, the field
 * and what to change.
 */
export function rewardLines(
  dataset: Dataset,
  kind: RewardKind,
  { settings, seed }: { readonly settings: RewardModelSettings; readonly seed: number },
): RewardLine[] {
  const records = recordsOf(dataset);
  if (kind === "preference_pairs") return records.map((record) => pairLine(record, settings));
  if (kind === "rankings") return records.map(rankingLine);
  const rated = records.map(({ line, value, place }): RatedLine => {
    const { rating } = readRatingRecord(value, place);
    return { line, rating, prompt: JSON.stringify(rating.prompt) };
  });
  const [first] = rated;
  if (first !== undefined && rated.every(({ rating }) => rating.rating === first.rating.rating)) {
    throw constantRatings(String(first.rating.rating), dataset.name);
  }
  return settings.ratings === "pairs" ? ratedPairs(rated, settings, { name: dataset.name, seed }) : ratedLines(rated);
}

type FileRecord = ReturnType<typeof recordsOf>[number];

function recordsOf({ bytes, name }: Dataset) {
  let records = 0;
  return [...parseJsonl(bytes, { name })].flatMap(({ number, value }) => {
    records += 1;
    if (isMetadata(value, records)) return [];
    const place = { number, unit: "line", file: name } as const;
    return [{ line: number, value, place }];
  });
}

function pairLine({ line, value, place }: FileRecord, { hyperparameters }: RewardModelSettings): RewardLine {
  const { pair } = readPreferenceRecord(value, place);
  const { margin, ratings } = pair;
  const derived = ratings === undefined ? 0 : hyperparameters.rating_margin * (ratings.chosen - ratings.rejected);
  return {
    ...{ line, examples: pairExamples(pair), columns: { [MARGIN]: margin ?? derived } },
    prompt: JSON.stringify(pair.prompt),
  };
}

function rankingLine({ line, value, place }: FileRecord): RewardLine {
  const { prompt, completions, tools } = readRankingRecord(value, place).ranking;
  const examples = completions.map((completion) => answeredPrompt(prompt, completion, tools));
  // Columns keep the completions of a line in one unit.
  return { line, examples, columns: {}, prompt: JSON.stringify(prompt) };
}

/** Up to 17 completions of a prompt give all of their pairs. */
const PAIRS_PER_RATING = 8;

interface PairFile {
  readonly name: string;
  readonly seed: number;
}

interface RatedLine {
  readonly line: number;
  readonly rating: Rating;
  readonly prompt: string;
}

function ratedLines(rated: readonly RatedLine[]): RewardLine[] {
  const prompts = [...new Set(rated.map(({ prompt }) => prompt))];
  const places = new Map(prompts.map((prompt, at) => [prompt, at]));
  return rated.map(({ line, rating, prompt }) => ({
    ...{ line, examples: [exampleOf(rating)], prompt },
    columns: { [RATING]: rating.rating, [PROMPT]: places.get(prompt)! },
  }));
}

/**
 * Two completions of one prompt with different ratings, in the order of the lines; each pair has the line of the one that comes later.
 * Of a prompt with n completions there are at most `PAIRS_PER_RATING` · n such pairs, drawn, so that they grow as the file does.
 */
function ratedPairs(
  rated: readonly RatedLine[],
  { hyperparameters }: RewardModelSettings,
  file: PairFile,
): RewardLine[] {
  requireOneRating(rated, file.name);
  const scored = rated.map((line) => ({
    item: { ...line, example: exampleOf(line.rating) },
    score: line.rating.rating,
  }));
  const pairs = [...Map.groupBy(scored, ({ item }) => item.prompt)].flatMap(([prompt, own]) =>
    drawnPairs(orderedPairs([own]), PAIRS_PER_RATING * own.length, createRandom(file.seed, "rated pairs", prompt)),
  );
  if (pairs.length === 0) {
    throw new TrimtabError(
      "invalid_file",
      `${file.name} has no prompt with two completions that are rated differently, so it holds no pairs; use ratings: "regression"`,
    );
  }
  const lines = pairs.map(({ better, worse }): RewardLine => {
    const margin = hyperparameters.rating_margin * (better.rating.rating - worse.rating.rating);
    return {
      ...{ line: Math.max(better.line, worse.line), prompt: better.prompt },
      ...{ examples: [better.example, worse.example], columns: { [MARGIN]: margin } },
    };
  });
  return lines.sort((one, other) => one.line - other.line);
}

/** Throws `invalid_file` at the first completion of a prompt that has had another rating. */
function requireOneRating(rated: readonly RatedLine[], file: string): void {
  const seen = new Map<string, RatedLine>();
  for (const one of rated) {
    const key = JSON.stringify([one.prompt, completionKey(one.rating.completion)]);
    const first = seen.get(key);
    if (first === undefined) seen.set(key, one);
    else if (first.rating.rating !== one.rating.rating) {
      const problem = ` has the completion of line ${first.line} with another rating; merge the two, for example as \`ratings\` by rater`;
      throw recordError({ number: one.line, unit: "line", file }, problem, "completion");
    }
  }
}

function exampleOf({ prompt, completion, tools }: Rating) {
  return answeredPrompt(prompt, completion, tools);
}
