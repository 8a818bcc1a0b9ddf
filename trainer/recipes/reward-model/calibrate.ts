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

/** A completion with its reward, as a pair sees it. */
interface Side {
  readonly reward: number;
  /** Tokens that are trained, its end among them. */
  readonly length: number;
}

export interface JudgedPair {
  readonly better: Side;
  readonly worse: Side;
}

/** Where ratings are of different prompts, so many pairs are drawn for each of them. */
const DRAWN = 4;
/** With fewer pairs of one prompt, pairs of different prompts join them. */
const FEWEST = 16;

/**
 * The pairs of a better and a worse completion among units, given the reward of each example. Of ratings, they are those of one
 * prompt that are rated differently, or if there are few, some that are drawn among all.
 */
export function judgedPairs(
  units: readonly Unit[],
  rewards: readonly (readonly number[])[],
  { goal, seed }: { readonly goal: RewardGoal; readonly seed: number },
): JudgedPair[] {
  const sides = units.map(({ examples }, u) =>
    examples.map((example, k): Side => ({ reward: rewards[u]![k]!, length: trainedTokens(example) })),
  );
  if (goal !== "rating") {
    return sides.flatMap((own) => own.flatMap((better, i) => own.slice(i + 1).map((worse) => ({ better, worse }))));
  }
  const rated = units.map(({ columns }, u) => {
    return { side: sides[u]![0]!, rating: columns![RATING]!, prompt: columns![PROMPT]! };
  });
  type Rated = (typeof rated)[number];
  const ordered = (one: Rated, other: Rated): JudgedPair[] => {
    if (one.rating === other.rating) return [];
    const [better, worse] = one.rating > other.rating ? [one, other] : [other, one];
    return [{ better: better.side, worse: worse.side }];
  };
  const ofPrompt = Map.groupBy(rated, ({ prompt }) => prompt);
  const together = [...ofPrompt.values()].flatMap((own) =>
    own.flatMap((one, i) => own.slice(i + 1).flatMap((other) => ordered(one, other))),
  );
  if (together.length >= FEWEST || rated.length < 2) return together;
  const random = createRandom(seed, "rated pairs");
  return rated.flatMap((one) =>
    Array.from({ length: DRAWN }, () => ordered(one, rated[random.below(rated.length)]!)).flat(),
  );
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

/** The temperature T that makes σ((r − r')/T) fit the pairs best, and what it changes. undefined without pairs. */
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
