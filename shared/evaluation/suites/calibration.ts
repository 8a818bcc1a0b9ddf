import { type Chosen, chosenOf, isRight, meanMeasure, shareMeasure } from "./choices.ts";
import { GENERAL_FACTS } from "./facts.ts";
import type { ChooseItem, ChooseSuite } from "./suite.ts";
import { zeroShotChoices } from "./zero-shot.ts";

/** Bins of confidence, each a tenth wide. */
const BINS = 10;

export interface ReliabilityBin {
  /** Of its confidences, from low to high. */
  readonly low: number;
  readonly high: number;
  readonly n: number;
  /** Means of its items; null where it has none. */
  readonly confidence: number | null;
  readonly accuracy: number | null;
}

/** How sure a model is of its likeliest choice, and whether that is right. */
interface Sureness {
  readonly confidence: number;
  readonly right: number;
}

export function reliabilityBins(all: readonly Sureness[]): ReliabilityBin[] {
  const byBin = Map.groupBy(all, ({ confidence }) => Math.min(BINS - 1, Math.floor(confidence * BINS)));
  return Array.from({ length: BINS }, (_, bin) => {
    const inBin = byBin.get(bin) ?? [];
    const mean = (of: (one: Sureness) => number) =>
      inBin.length === 0 ? null : inBin.reduce((sum, one) => sum + of(one), 0) / inBin.length;
    return {
      ...{ low: bin / BINS, high: (bin + 1) / BINS, n: inBin.length },
      ...{ confidence: mean(({ confidence }) => confidence), accuracy: mean(({ right }) => right) },
    };
  });
}

/** The expected calibration error: Σ n/N · |accuracy − confidence| over the bins (Guo et al., 2017); null without items. */
export function calibrationError(all: readonly Sureness[]): number | null {
  if (all.length === 0) return null;
  const bins = reliabilityBins(all).filter(({ n }) => n > 0);
  return bins.reduce(
    (sum, { n, confidence, accuracy }) => sum + (n / all.length) * Math.abs(accuracy! - confidence!),
    0,
  );
}

const surenessOf = ({ item: { answer }, probabilities, logprobs }: Chosen<ChooseItem>): Sureness => ({
  confidence: Math.max(...probabilities),
  right: isRight(logprobs, answer),
});

export const calibration: ChooseSuite = {
  name: "calibration",
  title: "Calibration",
  description:
    "Whether the probability that a model gives to its likeliest choice is how often it is right, on the zero-shot choices and general facts.",
  scores: {
    calibration_error: "The expected calibration error over ten bins of confidence. Lower is better.",
    brier: "Σ (p − 1 for the right choice, p for others)², on average. Lower is better; 0 is perfect.",
    overconfidence: "Confidence less accuracy, on average: above 0, the model is surer than it should be.",
    accuracy: "Of all items, those whose right choice is the likeliest. Higher is better.",
  },
  mode: "choose",
  items: (source) => [...zeroShotChoices.items(source), ...GENERAL_FACTS],
  measure(items, results) {
    const chosen = chosenOf(items, results);
    const sureness = chosen.map(surenessOf);
    return {
      calibration_error: {
        kind: "statistic",
        n: sureness.length,
        of: (drawn) => calibrationError(drawn.map((i) => sureness[i]!)),
      },
      brier: meanMeasure(chosen, ({ item: { answer }, probabilities }) =>
        probabilities.reduce((sum, p, i) => sum + (p - Number(i === answer)) ** 2, 0),
      ),
      overconfidence: meanMeasure(chosen, (one) => {
        const { confidence, right } = surenessOf(one);
        return confidence - right;
      }),
      accuracy: shareMeasure(chosen, (one) => surenessOf(one).right),
    };
  },
};
