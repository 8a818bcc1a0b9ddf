/** Logistic regression by maximum likelihood, for a handful of coefficients. */

import type { Clusters } from "./intervals.ts";

export interface LogisticFit {
  readonly coefficients: readonly number[];
  /** From the inverse of the information matrix, as if all rows were independent. */
  readonly standardErrors: readonly number[];
  /** Where rows are in clusters, from the sandwich of the scores of each; see `clusteredErrors`. */
  readonly clusteredErrors?: readonly number[];
  readonly logLikelihood: number;
}

/** Why no coefficients are the likeliest. */
export interface LogisticFailure {
  readonly reason: string;
}

const MOST_STEPS = 50;
/** Changes of the coefficients below this end the search. */
const PRECISION = 1e-10;
/** A log-odds beyond this is a probability that no data of this size supports: the coefficients run off. */
const RUN_OFF = 25;

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
/** log(1 + eˣ) without overflow */
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/**
 * Fits P(y = 1 | x) = σ(x·β) by Newton's method with halved steps. Targets may lie between 0 and 1, as ties do.
 *
 * @param rows n rows of k features, with a column of ones for the intercept
 * @param clusters of the rows, where some are not independent
 * @returns a reason instead of numbers where the likelihood has no maximum: too few rows, columns that say the same, or targets that
 *   the features tell apart without error
 */
export function fitLogistic(
  rows: readonly (readonly number[])[],
  targets: readonly number[],
  clusters?: Clusters,
): LogisticFit | LogisticFailure {
  const k = rows[0]?.length ?? 0;
  if (rows.length <= k) return { reason: `${rows.length} comparisons are too few for ${k} coefficients` };
  const groups = new Set(clusters).size;
  if (clusters !== undefined && groups <= k) {
    return { reason: `comparisons on ${groups} prompts are too few for ${k} coefficients` };
  }
  let coefficients = new Array<number>(k).fill(0);
  let likelihood = logLikelihood(rows, targets, coefficients);
  for (let step = 0; step < MOST_STEPS; step++) {
    const { gradient, information } = derivatives(rows, targets, coefficients);
    const direction = solve(information, gradient);
    if (direction === undefined) return { reason: singular(rows, coefficients) };
    let scale = 1;
    let next = moved(coefficients, direction, scale);
    // Newton's full step may overshoot far from the maximum.
    while (logLikelihood(rows, targets, next) < likelihood - 1e-12 && scale > 1e-6) {
      scale /= 2;
      next = moved(coefficients, direction, scale);
    }
    const change = Math.max(...next.map((value, i) => Math.abs(value - coefficients[i]!)));
    coefficients = next;
    likelihood = logLikelihood(rows, targets, coefficients);
    if (rows.some((row) => Math.abs(dot(row, coefficients)) > RUN_OFF)) return { reason: SEPARATED };
    if (change < PRECISION) {
      const inverse = inverted(derivatives(rows, targets, coefficients).information);
      if (inverse === undefined) return { reason: singular(rows, coefficients) };
      const standardErrors = inverse.map((row, i) => Math.sqrt(row[i]!));
      const fit = { coefficients, standardErrors, logLikelihood: likelihood };
      if (clusters === undefined) return fit;
      return { ...fit, clusteredErrors: clusteredErrors(rows, targets, { at: coefficients, inverse, clusters }) };
    }
  }
  return { reason: SEPARATED };
}

const SEPARATED = "the preferences can be told apart without error, so no finite coefficients are the likeliest";

function singular(rows: readonly (readonly number[])[], coefficients: readonly number[]): string {
  const isFar = rows.some((row) => Math.abs(dot(row, coefficients)) > 10);
  return isFar ? SEPARATED : "two of the features say the same, so their coefficients cannot be told apart";
}

/**
 * Standard errors of rows in G clusters (Liang and Zeger, "Longitudinal data analysis using generalized linear models", 1986), where I
 * is the information and s the sum of the scores of a cluster, with the usual correction for few of them:
 *
 *   I⁻¹ · (Σ s sᵀ) · I⁻¹ · G / (G − 1) · (n − 1) / (n − k)
 */
function clusteredErrors(
  rows: readonly (readonly number[])[],
  targets: readonly number[],
  { at, inverse, clusters }: { at: readonly number[]; inverse: readonly (readonly number[])[]; clusters: Clusters },
): number[] {
  const scores = new Map<string | number, number[]>();
  for (const [n, row] of rows.entries()) {
    const score = scores.get(clusters[n]!) ?? row.map(() => 0);
    const residual = targets[n]! - sigmoid(dot(row, at));
    scores.set(
      clusters[n]!,
      score.map((sum, i) => sum + residual * row[i]!),
    );
  }
  const [n, k, groups] = [rows.length, at.length, scores.size];
  const correction = (groups / (groups - 1)) * ((n - 1) / (n - k));
  return inverse.map((row) =>
    Math.sqrt([...scores.values()].reduce((sum, one) => sum + dot(row, one) ** 2, 0) * correction),
  );
}

function derivatives(rows: readonly (readonly number[])[], targets: readonly number[], at: readonly number[]) {
  const k = at.length;
  const gradient = new Array<number>(k).fill(0);
  const information = Array.from({ length: k }, () => new Array<number>(k).fill(0));
  for (const [n, row] of rows.entries()) {
    const p = sigmoid(dot(row, at));
    for (let i = 0; i < k; i++) {
      gradient[i]! += (targets[n]! - p) * row[i]!;
      for (let j = 0; j < k; j++) information[i]![j]! += p * (1 - p) * row[i]! * row[j]!;
    }
  }
  return { gradient, information };
}

/** Σ y·η − log(1 + e^η) */
function logLikelihood(
  rows: readonly (readonly number[])[],
  targets: readonly number[],
  at: readonly number[],
): number {
  return rows.reduce((sum, row, n) => sum + targets[n]! * dot(row, at) - softplus(dot(row, at)), 0);
}

function moved(from: readonly number[], direction: readonly number[], scale: number): number[] {
  return from.map((value, i) => value + scale * direction[i]!);
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0);
}

function inverted(matrix: readonly (readonly number[])[]): number[][] | undefined {
  const columns = matrix.map((_, j) =>
    solve(
      matrix,
      matrix.map((_, i) => (i === j ? 1 : 0)),
    ),
  );
  if (columns.includes(undefined)) return undefined;
  return matrix.map((_, i) => columns.map((column) => column![i]!));
}

/** Gaussian elimination with the largest pivot; undefined where the matrix is singular. */
function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] | undefined {
  const k = right.length;
  const rows = matrix.map((row, i) => [...row, right[i]!]);
  const size = Math.max(...matrix.flat().map(Math.abs));
  for (let column = 0; column < k; column++) {
    let pivot = column;
    for (let i = column + 1; i < k; i++) if (Math.abs(rows[i]![column]!) > Math.abs(rows[pivot]![column]!)) pivot = i;
    if (!(Math.abs(rows[pivot]![column]!) > 1e-12 * size)) return undefined;
    [rows[column], rows[pivot]] = [rows[pivot]!, rows[column]!];
    for (let i = column + 1; i < k; i++) {
      const factor = rows[i]![column]! / rows[column]![column]!;
      for (let j = column; j <= k; j++) rows[i]![j]! -= factor * rows[column]![j]!;
    }
  }
  const solution = new Array<number>(k).fill(0);
  for (let i = k - 1; i >= 0; i--) {
    let rest = rows[i]![k]!;
    for (let j = i + 1; j < k; j++) rest -= rows[i]![j]! * solution[j]!;
    solution[i] = rest / rows[i]![i]!;
  }
  return solution;
}
