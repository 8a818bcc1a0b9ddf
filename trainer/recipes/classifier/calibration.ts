/**
 * How far a classifier's probabilities can be trusted, and the temperature that makes them fit (Guo et al., "On Calibration of
 * Modern Neural Networks", 2017). Where Guo et al. fit to the bare labels, this fits to Platt's smoothed ones ("Probabilistic
 * Outputs for Support Vector Machines", 1999), or a temperature near 0 would fit best whenever every text is judged right.
 */
import { logSoftmax } from "../../../shared/delta/scorer-values.ts";

/** The class scores of one text, and its class. */
export interface Judgement {
  /** [K] */
  readonly logits: Float64Array;
  readonly label: number;
}

export interface Quality {
  readonly accuracy: number;
  /** Mean −log p of the true class, in nats. */
  readonly nll: number;
  /** Expected calibration error: |confidence − accuracy| over equal bins of the confidence, weighted by their sizes. */
  readonly ece: number;
}

const BINS = 10;
/** Beyond these, probabilities are 0 and 1, or all equal. */
const COLDEST = 0.05;
const HOTTEST = 20;
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/**
 * The temperature T between 0.05 and 20 that minimises the cross-entropy of softmax(logits / T) with n judgements' labels, the
 * true class having a share of (n + 1) / (n + K) and each other one of 1 / (n + K). It is convex in 1/T, so a golden-section
 * search finds it.
 */
export function fitTemperature(judgements: readonly Judgement[]): number {
  const at = (inverse: number) => smoothedLoss(judgements, inverse);
  let [low, high] = [1 / HOTTEST, 1 / COLDEST];
  let [left, right] = [high - GOLDEN * (high - low), low + GOLDEN * (high - low)];
  let [atLeft, atRight] = [at(left), at(right)];
  while (high - low > 1e-6) {
    if (atLeft <= atRight) {
      [high, right, atRight] = [right, left, atLeft];
      left = high - GOLDEN * (high - low);
      atLeft = at(left);
    } else {
      [low, left, atLeft] = [left, right, atRight];
      right = low + GOLDEN * (high - low);
      atRight = at(right);
    }
  }
  return 2 / (low + high);
}

export function qualityOf(judgements: readonly Judgement[], temperature: number): Quality {
  const bins = reliabilityOf(judgements, temperature);
  const { length } = judgements;
  const nll = judgements.reduce((sum, { logits, label }) => {
    return sum - logSoftmax(logits.map((logit) => logit / temperature))[label]!;
  }, 0);
  return {
    accuracy: bins.reduce((sum, { count, accuracy }) => sum + count * accuracy, 0) / length,
    nll: nll / length,
    ece:
      bins.reduce((sum, { count, confidence, accuracy }) => sum + count * Math.abs(confidence - accuracy), 0) / length,
  };
}

/** One bin of a reliability diagram: judgements whose confidence is from `from` up to `to`. */
export interface ReliabilityBin {
  readonly from: number;
  readonly to: number;
  readonly count: number;
  /** The mean confidence, and the share that is right; 0 where there is no judgement. */
  readonly confidence: number;
  readonly accuracy: number;
}

/** The reliability diagram (DeGroot and Fienberg 1983) that the calibration error sums up. */
export function reliabilityOf(judgements: readonly Judgement[], temperature: number): readonly ReliabilityBin[] {
  const bins = Array.from({ length: BINS }, () => ({ count: 0, right: 0, confidence: 0 }));
  for (const { logits, label } of judgements) {
    const logs = logSoftmax(logits.map((logit) => logit / temperature));
    const best = logs.reduce((most, log, c) => (log > logs[most]! ? c : most), 0);
    const confidence = Math.exp(logs[best]!);
    const bin = bins[Math.min(BINS - 1, Math.floor(confidence * BINS))]!;
    bin.count += 1;
    bin.right += best === label ? 1 : 0;
    bin.confidence += confidence;
  }
  return bins.map(({ count, right, confidence }, i) => ({
    ...{ from: i / BINS, to: (i + 1) / BINS, count },
    confidence: confidence / Math.max(1, count),
    accuracy: right / Math.max(1, count),
  }));
}

function smoothedLoss(judgements: readonly Judgement[], inverse: number): number {
  let sum = 0;
  for (const { logits, label } of judgements) {
    const logs = logSoftmax(logits.map((logit) => logit * inverse));
    // Each class has a share of 1 / (n + K), and the true one n / (n + K) more.
    const all = logs.reduce((total, log) => total + log, 0);
    sum -= (judgements.length * logs[label]! + all) / (judgements.length + logits.length);
  }
  return sum / judgements.length;
}
