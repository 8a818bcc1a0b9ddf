import { createRandom } from "../../../shared/random.ts";
import { DIRECTIONS, type DirectionMethod, lengthOf, projections, rowsOf, type Sides } from "./directions.ts";

/** How well a direction tells the sides of pairs apart that it was not made from. */
export interface Separation {
  /** The chance that a positive text projects higher than a negative one, of any pair; ½ is chance level. */
  readonly auc: number;
  /** The share of pairs whose positive side projects higher than its own negative one. */
  readonly accuracy: number;
  /** The distance between the means of the sides in standard deviations (d′), at most `MOST_SEPARATION`. */
  readonly separation: number;
}

const FOLDS = 5;
/** Where the sides do not vary at all, their distance in deviations has no bound. */
const MOST_SEPARATION = 1e6;

/**
 * The pairs in up to five parts, drawn with the seed; at least two. Each part is held out once.
 */
export function holdOuts(pairs: number, seed: number): number[][] {
  const order = createRandom(seed, "held-out pairs").permutation(pairs);
  const folds = Math.min(FOLDS, pairs);
  return Array.from({ length: folds }, (_, fold) => [...order].filter((_, at) => at % folds === fold));
}

/**
 * Measures directions on held-out pairs: for each part, the direction of the other parts at length 1, and the projections of
 * the part's own pairs on it, taken together over all parts.
 */
export function heldOutSeparation(
  sides: Sides,
  method: DirectionMethod,
  parts: readonly (readonly number[])[],
): Separation {
  const positive: number[] = [];
  const negative: number[] = [];
  for (const [at, part] of parts.entries()) {
    const others = parts.flatMap((other, index) => (index === at ? [] : other));
    const direction = DIRECTIONS[method](rowsOf(sides, others));
    const length = lengthOf(direction);
    const unit = length === 0 ? direction : direction.map((value) => value / length);
    const held = rowsOf(sides, part);
    positive.push(...projections(held.positive, unit));
    negative.push(...projections(held.negative, unit));
  }
  const above = positive.filter((score, pair) => score > negative[pair]!).length;
  return {
    auc: areaUnderCurve(positive, negative),
    accuracy: above / positive.length,
    separation: distance(positive, negative),
  };
}

/** The share of pairs of a positive and a negative score in which the positive one is higher; ties count half. */
export function areaUnderCurve(positive: readonly number[], negative: readonly number[]): number {
  const scored = [
    ...positive.map((score) => ({ score, isPositive: true })),
    ...negative.map((score) => ({ score, isPositive: false })),
  ].sort((a, b) => a.score - b.score);
  let below = 0;
  let won = 0;
  for (let at = 0; at < scored.length; ) {
    let end = at;
    const equal = { positive: 0, negative: 0 };
    for (; end < scored.length && scored[end]!.score === scored[at]!.score; end++) {
      equal[scored[end]!.isPositive ? "positive" : "negative"] += 1;
    }
    won += equal.positive * (below + equal.negative / 2);
    below += equal.negative;
    at = end;
  }
  return won / (positive.length * negative.length);
}

/** The layer that separates best: by the area under the curve, then by distance, then the lowest. */
export function bestLayer(found: readonly Pick<Separation, "auc" | "separation">[]): number {
  let best = 0;
  for (const [layer, { auc, separation }] of found.entries()) {
    const { auc: most, separation: farthest } = found[best]!;
    if (auc > most || (auc === most && separation > farthest)) best = layer;
  }
  return best;
}

function distance(positive: readonly number[], negative: readonly number[]): number {
  const [p, q] = [moments(positive), moments(negative)];
  const deviation = Math.sqrt((p.variance + q.variance) / 2);
  const apart = p.mean - q.mean;
  if (apart === 0) return 0;
  return Math.sign(apart) * Math.min(Math.abs(apart) / deviation, MOST_SEPARATION);
}

function moments(scores: readonly number[]): { readonly mean: number; readonly variance: number } {
  const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length;
  return { mean, variance: scores.reduce((sum, score) => sum + (score - mean) ** 2, 0) / scores.length };
}
