/** Describes the states that a reward model was trained on, so that serving can tell texts that are unlike them. */
import { SEEN_DIRECTIONS } from "../../../shared/api/reward-model-settings.ts";
import { distanceFrom, type SeenSpread, type SeenStates } from "../../../shared/delta/seen-states.ts";
import { leadingSvd } from "../../../shared/linalg/leading-svd.ts";
import { matrix } from "../../../shared/linalg/matrix.ts";
import { createRandom } from "../../../shared/random.ts";
import { f32 } from "../../../shared/tensor.ts";

export interface FittedStates {
  readonly seen: SeenStates;
  readonly spread: SeenSpread;
}

/** The share of the training texts that may be further away than the threshold. */
const BEYOND = 0.01;
/** Fewer texts say nothing about how states spread. */
const FEWEST = 16;
/**
 * The share of the covariance that is taken from a sphere of the same size, so that directions in which few texts happen not to
 * differ at all do not decide (Ledoit and Wolf, "A Well-Conditioned Estimator for Large-Dimensional Covariance Matrices", 2004,
 * who estimate it).
 */
const SHRINKAGE = 0.1;

/**
 * The mean of the states [n, D] and how they spread. The threshold is the quantile of the states' own distances beyond which a
 * hundredth of them is, each measured from the half of the states that it does not belong to: measured from a fit to itself, a
 * state is closer than a new one. undefined for states that are too few, or all the same.
 */
export function fitSeenStates(states: readonly Float32Array[], seed: number): FittedStates | undefined {
  if (states.length < FEWEST) return undefined;
  const whole = spreadOf(states, seed);
  const order = createRandom(seed, "seen states").permutation(states.length);
  const half = Math.floor(states.length / 2);
  const halves = [order.subarray(0, half), order.subarray(half)].map((own) => [...own].map((at) => states[at]!));
  const distances = halves.flatMap((own, at) => {
    const other = spreadOf(halves[1 - at]!, seed);
    return other === undefined ? [] : own.map((state) => distanceFrom(other.seen, other.spread, state));
  });
  if (whole === undefined || distances.length < states.length) return undefined;
  const sorted = distances.sort((a, b) => a - b);
  const threshold = sorted[Math.min(sorted.length - 1, Math.floor((1 - BEYOND) * sorted.length))]!;
  return { seen: whole.seen, spread: { ...whole.spread, threshold } };
}

/** With a threshold that is still to be found. */
function spreadOf(states: readonly Float32Array[], seed: number): FittedStates | undefined {
  const [count, width] = [states.length, states[0]!.length];
  const mean = new Float64Array(width);
  for (const state of states) for (let d = 0; d < width; d++) mean[d]! += state[d]! / count;
  const centred = matrix(count, width);
  let squares = 0;
  for (const [n, state] of states.entries()) {
    for (let d = 0; d < width; d++) {
      const x = state[d]! - mean[d]!;
      centred.data[n * width + d] = x;
      squares += x * x;
    }
  }
  const average = squares / (count - 1) / width;
  const scale = mean.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  // Below that, what differs is rounding.
  if (!(average > 1e-12 * scale ** 2)) return undefined;
  const wanted = Math.min(SEEN_DIRECTIONS, count - 1, width);
  const { s, v } = leadingSvd(centred, wanted, createRandom(seed, "directions"));
  const found = Array.from(s, (singular) => singular ** 2 / (count - 1));
  const left = Math.max(0, average * width - found.reduce((sum, variance) => sum + variance, 0));
  const shrunk = (variance: number) => (1 - SHRINKAGE) * variance + SHRINKAGE * average;
  return {
    seen: {
      mean: f32([width], Float32Array.from(mean)),
      directions: f32([width, s.length], Float32Array.from(v.data)),
    },
    spread: {
      variances: found.map(shrunk),
      rest: shrunk(width > s.length ? left / (width - s.length) : average),
      threshold: 1,
    },
  };
}
