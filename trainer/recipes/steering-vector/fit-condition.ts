import type { Condition } from "../../../shared/delta/condition.ts";
import { cosine } from "../../../shared/delta/condition.ts";
import { type DenseMatrix, sizes } from "../../../shared/linalg/matrix.ts";
import { createRandom } from "../../../shared/random.ts";
import { areaUnderCurve, bestLayer } from "./separation.ts";

/** Activations of prompts at one layer, a row each: those that should be recognised [n, D], and the others [m, D]. */
export interface Classes {
  readonly positive: DenseMatrix;
  readonly negative: DenseMatrix;
}

export interface ConditionQuality {
  /** On prompts that neither the vector nor the threshold was made from. */
  readonly auc: number;
  /** The mean share of each class that falls on its side of the threshold, on the same prompts; ½ is chance level. */
  readonly accuracy: number;
}

export interface FittedCondition {
  readonly vector: Float64Array;
  /** A cosine. */
  readonly threshold: number;
}

const FOLDS = 5;

/**
 * The direction from the mean of one class to the mean of the other, and the cosine that tells the classes apart best. Lee et
 * al. (2024) take a principal component and scan thresholds for the best F1; the mean difference and the balanced accuracy
 * are used here, which do not depend on how many prompts each class has.
 */
export function fitCondition(classes: Classes): FittedCondition {
  const vector = difference(meanOf(classes.positive), meanOf(classes.negative));
  const scores = scoresOf(classes, vector);
  return { vector, threshold: bestThreshold(scores.positive, scores.negative) };
}

/** The quality on held-out prompts: in up to five parts drawn with the seed, each judged by a condition that the others gave. */
export function conditionQuality(classes: Classes, seed: number): ConditionQuality {
  const counts = { positive: sizes(classes.positive)[0], negative: sizes(classes.negative)[0] };
  const folds = Math.min(FOLDS, counts.positive, counts.negative);
  const parts = {
    positive: partsOf(counts.positive, folds, createRandom(seed, "held-out prompts", "positive").permutation),
    negative: partsOf(counts.negative, folds, createRandom(seed, "held-out prompts", "negative").permutation),
  };
  const held: { positive: number[]; negative: number[] } = { positive: [], negative: [] };
  for (let fold = 0; fold < folds; fold++) {
    const split = (isHeld: boolean): Classes => ({
      positive: pick(classes.positive, parts.positive, (part) => (part === fold) === isHeld),
      negative: pick(classes.negative, parts.negative, (part) => (part === fold) === isHeld),
    });
    const { vector, threshold } = fitCondition(split(false));
    const scores = scoresOf(split(true), vector);
    // Relative to the part's own threshold, so that the parts' scores can be taken together.
    held.positive.push(...scores.positive.map((score) => score - threshold));
    held.negative.push(...scores.negative.map((score) => score - threshold));
  }
  return { auc: areaUnderCurve(held.positive, held.negative), accuracy: balancedAccuracy(held, 0) };
}

/** The layer whose condition is best on held-out prompts: by accuracy, then by the area under the curve, then the lowest. */
export function bestConditionLayer(found: readonly ConditionQuality[]): number {
  return bestLayer(found.map(({ auc, accuracy }) => ({ auc: accuracy, separation: auc })));
}

/** A condition as the manifest holds it: numbers that float32 holds too, in as few digits as tell them apart. */
export function conditionOf(
  { vector, threshold }: FittedCondition,
  place: Pick<Condition, "layer" | "position" | "comparator">,
): Condition {
  return { ...place, vector: Array.from(vector, inFloat32), threshold: clamp(threshold) };
}

/** The middle between the two neighbouring scores that split the classes best: by balanced accuracy, then the widest gap. */
export function bestThreshold(positive: readonly number[], negative: readonly number[]): number {
  const scored = [
    ...positive.map((score) => ({ score, isPositive: true })),
    ...negative.map((score) => ({ score, isPositive: false })),
  ].sort((a, b) => a.score - b.score);
  let best = { threshold: scored[0]!.score, accuracy: 0, gap: 0 };
  const below = { positive: 0, negative: 0 };
  for (let at = 0; at + 1 < scored.length; at++) {
    below[scored[at]!.isPositive ? "positive" : "negative"] += 1;
    const [score, next] = [scored[at]!.score, scored[at + 1]!.score];
    if (score === next) continue;
    const gap = next - score;
    const accuracy = ((positive.length - below.positive) / positive.length + below.negative / negative.length) / 2;
    if (accuracy > best.accuracy || (accuracy === best.accuracy && gap > best.gap)) {
      best = { threshold: (score + next) / 2, accuracy, gap };
    }
  }
  return best.threshold;
}

function balancedAccuracy(
  { positive, negative }: { readonly positive: readonly number[]; readonly negative: readonly number[] },
  threshold: number,
): number {
  const above = positive.filter((score) => score > threshold).length / positive.length;
  const below = negative.filter((score) => score < threshold).length / negative.length;
  return (above + below) / 2;
}

function scoresOf(classes: Classes, vector: Float64Array) {
  const of = (side: DenseMatrix) => {
    const [count, width] = sizes(side);
    return Array.from({ length: count }, (_, row) =>
      cosine(side.data.subarray(row * width, (row + 1) * width), vector),
    );
  };
  return { positive: of(classes.positive), negative: of(classes.negative) };
}

function meanOf(side: DenseMatrix): Float64Array {
  const [count, width] = sizes(side);
  const mean = new Float64Array(width);
  for (let at = 0; at < side.data.length; at++) mean[at % width]! += side.data[at]! / count;
  return mean;
}

function difference(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((value, at) => value - b[at]!);
}

/** The part of each row. */
function partsOf(count: number, folds: number, permutation: (n: number) => Uint32Array): number[] {
  const parts = new Array<number>(count).fill(0);
  for (const [at, row] of permutation(count).entries()) parts[row] = at % folds;
  return parts;
}

function pick(side: DenseMatrix, parts: readonly number[], isPicked: (part: number) => boolean): DenseMatrix {
  const [, width] = sizes(side);
  const rows = parts.flatMap((part, row) => (isPicked(part) ? [row] : []));
  const data = new Float64Array(rows.length * width);
  for (const [at, row] of rows.entries()) data.set(side.data.subarray(row * width, (row + 1) * width), at * width);
  return { dtype: "f64", shape: [rows.length, width], data };
}

const inFloat32 = (value: number) => Number(Math.fround(value).toPrecision(9));
const clamp = (cosine: number) => Math.max(-1, Math.min(1, cosine));
