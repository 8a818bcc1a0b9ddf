import type { ModelConfig } from "../../../shared/model/config.ts";
import type { BatchShape } from "../../../shared/model/training-forward.ts";
import type { AdamWConfig } from "../../../trainer/optim/adamw.ts";

/** The embedded base: a Llama-style decoder of 5.2 M parameters. */
export const BASE_CONFIG: ModelConfig = {
  modelType: "llama",
  vocabSize: 2048,
  hiddenSize: 256,
  layers: 6,
  heads: 8,
  kvHeads: 4,
  headDim: 32,
  ffnSize: 768,
  normEpsilon: 1e-5,
  ropeTheta: 10_000,
  maxPositions: 512,
  tied: true,
  attentionBias: false,
};

export const SEED = 20_261_123;

export interface Stage {
  readonly shape: BatchShape;
  /** The stage ends at this step of the whole run. */
  readonly until: number;
  /** The share of documents that are copying drills. */
  readonly drillShare: number;
}

/**
 * First the corpus alone; then many drills until the model can copy, and a few to keep that ability. Rows have 256 tokens, which
 * are cheap, until the last tenth of the run uses the whole context of 512.
 */
export const STAGES: readonly Stage[] = [
  { shape: { rows: 8, tokens: 256 }, until: 1750, drillShare: 0 },
  { shape: { rows: 8, tokens: 256 }, until: 3500, drillShare: 0.2 },
  { shape: { rows: 8, tokens: 256 }, until: 6300, drillShare: 0.04 },
  { shape: { rows: 4, tokens: 512 }, until: 7000, drillShare: 0.04 },
];

export const TOTAL_STEPS = STAGES.at(-1)!.until;
export const PEAK_LEARNING_RATE = 2.5e-3;
export const WARMUP_STEPS = 150;

export const OPTIMIZER: AdamWConfig = { beta1: 0.9, beta2: 0.97, epsilon: 1e-8, weightDecay: 0.05, maxGradNorm: 1 };
