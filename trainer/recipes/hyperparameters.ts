import { DECAY_RATIO } from "../../shared/api/keeping-settings.ts";
import type { TrainingHyperparameters } from "../../shared/api/methods.ts";
import { type PhaseShape, phaseStepsPerEpoch } from "../data/phase-plan.ts";
import { stepsPerEpoch } from "../data/step-plan.ts";
import { ADAMW_DEFAULTS, type AdamWConfig } from "../optim/adamw.ts";
import type { Schedule } from "../optim/schedule.ts";

/** What the rules for `auto` look at. */
export interface RunFacts {
  readonly examples: number;
  /** Tokens of all examples, prompts included. */
  readonly tokens: number;
  readonly hiddenSize: number;
  /** The method's own learning rate as a multiple of LoRA's. */
  readonly rate: number;
  /** Set for a run in phases, whose examples are prompts. */
  readonly phases?: PhaseShape;
}

export interface ResolvedHyperparameters {
  readonly epochs: number;
  readonly batchSize: number;
  readonly accumulation: number;
  readonly optimizer: AdamWConfig;
  readonly schedule: Schedule;
  /** The same, under the names that the API uses. */
  readonly resolved: Readonly<Record<string, number | string>>;
}

/**
 * How many tokens a step should have when the batch size is `auto`; fewer if an epoch would have under `STEPS_OF_EPOCH` steps.
 */
const TOKENS_OF_STEP = 1_024;
const STEPS_OF_EPOCH = 10;
/** How long a run with `auto` epochs is: long enough to learn from little data, without reading much data many times. */
const STEPS_OF_RUN = 120;
const EPOCHS = { least: 3, most: 10 } as const;
const EXAMPLES_OF_RUN = 25_000;
/** How many replies a phase has when the batch size is `auto`, and how many phases a run has with `auto` epochs. */
const REPLIES_OF_PHASE = 64;
const PHASES_OF_RUN = 60;
const PHASE_EPOCHS = 50;

/**
 * What every `auto` becomes.
 *
 *   batch_size                as many examples as 1,024 tokens hold, but at least ten steps an epoch
 *   n_epochs                  as many as 120 steps take, from 3 to 10; fewer where they would read over 25,000 examples
 *   learning_rate_multiplier  1: of 5e-4 · (2000/D)^0.78 for LoRA, and a multiple of it that other methods say
 *   warmup_ratio              0.1, of a cosine that ends at 0
 *
 * In phases, where examples are prompts, a phase has 64 replies, a run 60 phases, and the rate stays where the warm-up ends: how
 * long a policy has to look for rewards is not known beforehand.
 *
 * The rate's rule, D the hidden size, is what sweeps over model sizes found (Schulman, "LoRA Without Regret", 2025).
 */
export function resolveHyperparameters(settings: TrainingHyperparameters, facts: RunFacts): ResolvedHyperparameters {
  const accumulation = settings.gradient_accumulation_steps ?? 1;
  const batchSize = settings.batch_size === "auto" ? autoBatchSize(facts, accumulation) : settings.batch_size;
  const planned = { examples: facts.examples, batchSize, accumulation };
  const perEpoch =
    facts.phases === undefined ? stepsPerEpoch(planned) : phaseStepsPerEpoch({ ...planned, ...facts.phases });
  const epochs = settings.n_epochs === "auto" ? autoEpochs(perEpoch, facts) : settings.n_epochs;
  const totalSteps = settings.max_steps ?? perEpoch * epochs;
  const unit = learningRateUnit(facts);
  const multiplier = settings.learning_rate_multiplier === "auto" ? 1 : settings.learning_rate_multiplier;
  const peak = settings.learning_rate ?? multiplier * unit;
  const kind = settings.lr_schedule ?? (facts.phases === undefined ? "cosine" : "constant");
  const warmupSteps = Math.round((settings.warmup_ratio ?? 0.1) * totalSteps);
  const decay = kind === "wsd" ? decayOf(settings, totalSteps - warmupSteps, totalSteps) : undefined;
  const reached = Math.ceil(totalSteps / perEpoch);
  return {
    epochs: reached,
    batchSize,
    accumulation,
    optimizer: {
      ...ADAMW_DEFAULTS,
      weightDecay: settings.weight_decay ?? ADAMW_DEFAULTS.weightDecay,
      maxGradNorm: settings.max_grad_norm ?? ADAMW_DEFAULTS.maxGradNorm,
    },
    schedule: { kind, peak, warmupSteps, totalSteps, ...(decay === undefined ? {} : { decay }) },
    resolved: {
      n_epochs: reached,
      batch_size: batchSize,
      gradient_accumulation_steps: accumulation,
      learning_rate: peak,
      learning_rate_multiplier: peak / unit,
      lr_schedule: kind,
      warmup_steps: warmupSteps,
      ...(decay === undefined ? {} : { decay_steps: decay.steps }),
    },
  };
}

/** The decay of wsd: no longer than what the warm-up leaves. */
function decayOf(settings: TrainingHyperparameters, most: number, totalSteps: number): NonNullable<Schedule["decay"]> {
  const asked = Math.round((settings.lr_decay_ratio ?? DECAY_RATIO) * totalSteps);
  return { steps: Math.min(asked, most), shape: settings.lr_decay_shape ?? "linear" };
}

/** The learning rate for a multiplier of 1. */
function learningRateUnit({ hiddenSize, rate }: RunFacts): number {
  return rate * 5e-4 * (2000 / hiddenSize) ** 0.78;
}

function autoBatchSize({ examples, tokens, phases }: RunFacts, accumulation: number): number {
  if (phases !== undefined) {
    const ofPhase = Math.min(examples, REPLIES_OF_PHASE / phases.generations);
    return clamp(Math.ceil(ofPhase / accumulation), 1, 256);
  }
  const ofStep = Math.min((TOKENS_OF_STEP * examples) / tokens, examples / STEPS_OF_EPOCH);
  return clamp(Math.round(ofStep / accumulation), 1, 256);
}

function autoEpochs(perEpoch: number, { examples, phases }: RunFacts): number {
  if (phases !== undefined) {
    const ofEpoch = perEpoch / (phases.epochs * phases.minibatches);
    return clamp(Math.ceil(PHASES_OF_RUN / ofEpoch), 1, PHASE_EPOCHS);
  }
  const most = clamp(Math.floor(EXAMPLES_OF_RUN / examples), 1, EPOCHS.most);
  return Math.min(most, clamp(Math.ceil(STEPS_OF_RUN / perEpoch), EPOCHS.least, EPOCHS.most));
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}
