/** How well rewards predict preferences, how far their confidence can be trusted, and what length alone would predict. */
import { IGNORED_LABEL } from "../../../shared/model/chat-template.ts";
import { createRandom } from "../../../shared/random.ts";
import type { Unit, UnitExample } from "../../data/units.ts";
import {
  fitTemperature,
  type Judgement,
  qualityOf,
  type ReliabilityBin,
  reliabilityOf,
} from "../classifier/calibration.ts";
import type { RewardGoal } from "./data.ts";
import { PROMPT, RATING } from "./lines.ts";
import { drawnPairs, type OrderedPair, orderedPairs } from "./ordered-pairs.ts";

/** A completion with its reward, as a pair sees it. */
interface Side {
  readonly reward: number;
  /** Tokens that are trained, its end among them. */
  readonly length: number;
}

export type JudgedPair = OrderedPair<Side>;

/** More pairs hardly make the temperature and the errors more exact, and would take long to look at. */
const MOST = 10_000;
/** Where ratings are of different prompts, at most so many pairs are drawn for each of them. */
const DRAWN = 4;
/** With fewer pairs of one prompt, pairs are drawn among all ratings instead. */
const FEWEST = 16;

/**
 * The pairs of a better and a worse completion among units, given the reward of each example; 10,000 of them, drawn, if there are
 * more. Of ratings, they are those of one prompt that are rated differently, or, if there are few, some that are drawn among all.
 */
export function judgedPairs(
  units: readonly Unit[],
  rewards: readonly (readonly number[])[],
  { goal, seed }: { readonly goal: RewardGoal; readonly seed: number },
): JudgedPair[] {
  const random = createRandom(seed, "judged pairs");
  const sides = units.map(({ examples }, u) =>
    examples.map((example, k): Side => ({ reward: rewards[u]![k]!, length: trainedTokens(example) })),
  );
  // The completions of a ranking or a pair stand in their order, the best first.
  if (goal !== "rating") {
    const ranked = sides.map((own) => own.map((item, k) => ({ item, score: -k })));
    return drawnPairs(orderedPairs(ranked), MOST, random);
  }
  const rated = units.map(({ columns }, u) => {
    return { item: sides[u]![0]!, score: columns![RATING]!, prompt: columns![PROMPT]! };
  });
  const together = orderedPairs(Map.groupBy(rated, ({ prompt }) => prompt).values());
  if (together.count >= FEWEST) return drawnPairs(together, MOST, random);
  return drawnPairs(orderedPairs([rated]), Math.min(MOST, DRAWN * rated.length), random);
}

export interface Calibration {
  readonly pairs: number;
  readonly temperature: number;
  /** The share of pairs whose better completion has the greater reward; equal ones count half. */
  readonly accuracy: number;
  /** The share whose better completion is the longer one; equally long ones count half. */
  readonly length_accuracy: number;
  readonly nll_before: number;
  readonly nll: number;
  readonly ece_before: number;
  readonly ece: number;
  /** Confidence in the completion with the greater reward against how often it is the better one. */
  readonly reliability_before: readonly ReliabilityBin[];
  readonly reliability: readonly ReliabilityBin[];
}

/**
 * The temperature T that makes σ((r − r')/T) fit the pairs best, with labels that Platt's rule smooths (see `fitTemperature`), and what
 * it changes. undefined without pairs.
 */
export function calibrate(pairs: readonly JudgedPair[]): Calibration | undefined {
  if (pairs.length === 0) return undefined;
  const judgements = pairs.map(({ better, worse }): Judgement => {
    return { logits: Float64Array.of(better.reward, worse.reward), label: 0 };
  });
  const temperature = fitTemperature(judgements);
  const [before, after] = [1, temperature].map((each) => qualityOf(judgements, each));
  const share = (of: (side: Side) => number) =>
    pairs.reduce((sum, { better, worse }) => sum + (1 + Math.sign(of(better) - of(worse))) / 2, 0) / pairs.length;
  return {
    ...{ pairs: pairs.length, temperature },
    accuracy: share(({ reward }) => reward),
    length_accuracy: share(({ length }) => length),
    ...{ nll_before: before!.nll, nll: after!.nll, ece_before: before!.ece, ece: after!.ece },
    reliability_before: reliabilityOf(judgements, 1),
    reliability: reliabilityOf(judgements, temperature),
  };
}

function trainedTokens({ labels }: UnitExample): number {
  return labels.reduce((count, label, at) => (at > 0 && label !== IGNORED_LABEL ? count + 1 : count), 0);
}
