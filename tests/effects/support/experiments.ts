/** What is asked of the embedded base to see what steering does, and what is made of its replies. */
import { createRandom } from "../../../infra/base/corpus/random.ts";
import { isFactRecalled } from "../../../infra/base/evaluation/scoring.ts";
import { type FactProbe, factProbes } from "../../../infra/base/evaluation/sets.ts";
import { notedFacts } from "../../fixtures/experts/facts-in-notes.ts";
import { heldOutRequests } from "../../fixtures/experts/rude-requests.ts";
import { isPolite, reviewJudge } from "../../trainer/recipes/steering-vector/corpus-pairs.ts";
import { allReplies, cost, perplexity, repeated, share } from "./figures.ts";
import type { Asked, SteeredModel } from "./steered-model.ts";

const ITEMS = ["hotel", "film", "novel", "cafe", "lamp", "show", "book", "chair"];
/** By the corpus generator's own words, as a classifier that no model had a part in reads them. */
const isPositive = reviewJudge();

export interface Sampled {
  readonly seed: number;
  /** Texts of each prompt. */
  readonly samples: number;
}

export interface Effect {
  /** Of the texts that are as wanted. */
  readonly share: number;
  /** Of the texts under the base. */
  readonly perplexity: number;
  /** Positions that steering computed for each token. */
  readonly cost: number;
}

/** Reviews that are positive. */
export async function reviews(model: SteeredModel, steering: unknown, { seed, samples }: Sampled): Promise<Effect> {
  const all = await model.askAll(
    ITEMS.map((item) => ({ prompt: `Review of a ${item}:`, steering, maxTokens: 40, stop: ["\n"], seed, samples })),
  );
  const texts = allReplies(all);
  return { share: share(texts, ({ text }) => isPositive(text)), perplexity: perplexity(texts), cost: cost(all) };
}

/** Requests that are worded rudely, about what no expert was trained on. */
export async function rudeRequests(
  model: SteeredModel,
  steering: unknown,
  { seed, samples }: Sampled,
): Promise<Effect> {
  const all = await model.askAll(
    heldOutRequests.map((request) => {
      const prompt = [{ role: "user", content: `Ask me to ${request}.` } as const];
      return { prompt, steering, maxTokens: 32, seed, samples };
    }),
  );
  const texts = allReplies(all);
  return { share: share(texts, ({ text }) => !isPolite(text)), perplexity: perplexity(texts), cost: cost(all) };
}

/** Every n-th fact of the evaluation. */
export const someFacts = (every: number): FactProbe[] => factProbes().filter((_, i) => i % every === 0);

/** Which facts greedy decoding recalls. */
export async function recalled(
  model: SteeredModel,
  facts: readonly FactProbe[],
  steering?: unknown,
): Promise<boolean[]> {
  const all = await model.askAll(
    facts.map(({ prompt }) => ({ prompt, steering, maxTokens: 12, temperature: 0, stop: ["."] })),
  );
  return all.map(({ replies: [reply] }, i) => isFactRecalled(reply!.text, facts[i]!.answer));
}

export const lost = (before: readonly boolean[], after: readonly boolean[]): number =>
  before.filter((was, i) => was && !after[i]).length;

const BEGINNINGS = [
  "One morning, Anna went to the park in",
  "On Monday, Tom went to the",
  "In the evening, Maria went to the station",
  "After lunch, Peter went",
  "Last summer, Nina went to the museum in",
  "One cold day, Paul went to the",
  "On a sunny day, Emma went to the harbour",
  "In the evening, Oscar went to the",
];

/** The mean share of repeated 4-grams in greedy texts of 120 tokens, which do not end where the base would end them. */
export async function repetition(model: SteeredModel, steering?: unknown): Promise<number> {
  const all = await model.askAll(
    BEGINNINGS.map((prompt): Asked => ({ prompt, steering, maxTokens: 120, temperature: 0, endless: true })),
  );
  const shares = allReplies(all).map(({ ids }) => repeated(ids));
  return shares.reduce((sum, each) => sum + each, 0) / shares.length;
}

export interface NoteEffect {
  /** The share of answers that say what the note says, and not what is true. */
  readonly follows: number;
  /** The share that say what is true, and not what the note says. */
  readonly knows: number;
}

/** Greedy answers behind notes that contradict facts, by the base with `reader`. */
export async function noteReading(
  model: SteeredModel,
  { count, seed, reader, noted = true }: { count: number; seed: number; reader: number; noted?: boolean },
  steering?: unknown,
): Promise<NoteEffect> {
  const facts = notedFacts(count, seed);
  const all = await model.askAll(
    facts.map(({ note, question }): Asked => {
      const user = { role: "user", content: question } as const;
      const prompt = noted ? [{ role: "system", content: note } as const, user] : [user];
      return { prompt, deltas: { reader }, steering, maxTokens: 24, temperature: 0 };
    }),
  );
  const says = all.map(({ replies: [reply] }, i) => {
    const has = (object: string) => reply!.text.toLowerCase().includes(object.toLowerCase());
    return { note: has(facts[i]!.other), truth: has(facts[i]!.fact.object) };
  });
  return {
    follows: share(says, ({ note, truth }) => note && !truth),
    knows: share(says, ({ note, truth }) => truth && !note),
  };
}

/** Beginnings of sentences, for texts that have nothing to do with them. */
export function randomPrompts(count: number, seed: number): string[] {
  const random = createRandom(seed, "prompts");
  const probes = factProbes();
  return Array.from({ length: count }, () => random.pick(probes).prompt);
}

/** What a classifier thinks of unfinished reviews whose strength follows a target. */
export async function reachedProbability(
  model: SteeredModel,
  asked: Readonly<Record<string, unknown>>,
  { seed, samples }: Sampled,
): Promise<{ readonly mean: number; readonly perplexity: number }> {
  const steering = { classifier: [{ id: "sentiment", label: "positive", ...asked }] };
  const all = await model.askAll(
    ITEMS.map((item) => {
      return { prompt: `Review of a ${item}:`, steering, maxTokens: 40, stop: ["\n"], seed, samples, traced: true };
    }),
  );
  const texts = allReplies(all);
  // The first token is chosen before there is a text to judge.
  const found = texts.flatMap(({ traces }) =>
    traces.slice(1).map(({ parts }) => (parts.classifier as { probability: number }[])[0]!.probability),
  );
  return { mean: found.reduce((sum, each) => sum + each, 0) / found.length, perplexity: perplexity(texts) };
}
