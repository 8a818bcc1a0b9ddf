import type { TrainingSettings } from "../../../shared/api/methods.ts";
import type { KlEstimator } from "../../../shared/api/reinforcement-methods.ts";
import type { WithReport } from "../../../shared/api/report-settings.ts";
import type { Reward } from "../../../shared/api/reward-settings.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import type { PhaseShape } from "../../data/phase-plan.ts";

/** The settings that all types of reinforcement share. */
export interface ReinforcementSettings extends TrainingSettings, WithReport {
  readonly reward: Reward;
  readonly gold?: Reward | undefined;
  readonly stop?: { readonly kl: number } | undefined;
  readonly hyperparameters: TrainingSettings["hyperparameters"] & {
    readonly num_generations: number | "auto";
    readonly max_completion_length: number | "auto";
    readonly temperature: number;
    readonly ppo_epochs: number;
    readonly minibatches: number;
    readonly beta: number;
    readonly kl_estimator: KlEstimator;
    readonly kl_in: "reward" | "loss";
    readonly kl_target?: number | undefined;
    readonly kl_horizon?: number | undefined;
    readonly entropy_coef: number;
    readonly missing_eos_penalty?: number | undefined;
    readonly epsilon: number;
    readonly epsilon_high?: number | undefined;
    readonly eval_interval: number | "auto";
    readonly eval_samples: number | "auto";
    /** Scales the replies to each prompt where their number is open; 1 by default. */
    readonly compute_multiplier?: number | "auto" | undefined;
  };
}

/** Replies to each prompt where the job leaves it open. */
const AUTO_GENERATIONS = 8;
/** The longest reply where the job leaves it open, in tokens and as a share of the longest text. */
const AUTO_REPLY = { most: 256, share: 0.125 } as const;

/** The same settings with a number for each `auto` that is this kind's own. `context`: the model's longest text, in tokens. */
export function resolved<S extends ReinforcementSettings>(settings: S, context: number): S {
  const { hyperparameters: given } = settings;
  const { num_generations: generations, max_completion_length: length, max_length: limit = context } = given;
  const multiplier = numberOr(given.compute_multiplier, 1);
  const ofText = Math.floor(AUTO_REPLY.share * Math.min(limit, context));
  return {
    ...settings,
    hyperparameters: {
      ...given,
      num_generations: generations === "auto" ? Math.max(2, Math.round(AUTO_GENERATIONS * multiplier)) : generations,
      max_completion_length: length === "auto" ? Math.max(1, Math.min(AUTO_REPLY.most, ofText)) : length,
      eval_samples: given.eval_samples === "auto" ? 1 : given.eval_samples,
      ...(given.compute_multiplier === undefined ? {} : { compute_multiplier: multiplier }),
    },
  };
}

export function phaseShape({ hyperparameters }: ReinforcementSettings): PhaseShape {
  const { num_generations: generations, ppo_epochs: epochs, minibatches } = hyperparameters;
  return { generations: numberOf(generations), epochs, minibatches };
}

/** The most tokens of a reply. */
export function replyTokens({ hyperparameters }: ReinforcementSettings): number {
  return numberOf(hyperparameters.max_completion_length);
}

/** Replies to each prompt of the validation file. */
export function evalSamples({ hyperparameters: { eval_samples: given } }: ReinforcementSettings): number {
  return numberOf(given);
}

/** The range of ratios in which a token has a gradient in both directions. */
export function clipRange({ hyperparameters: { epsilon, epsilon_high = epsilon } }: ReinforcementSettings) {
  return { low: 1 - epsilon, high: 1 + epsilon_high };
}

function numberOr(value: number | "auto" | undefined, preset: number): number {
  return value === undefined || value === "auto" ? preset : value;
}

function numberOf(value: number | "auto"): number {
  if (value === "auto") throw new TrimtabError("internal_error", "the settings of a run in phases are not resolved");
  return value;
}

/** What the `auto`s of this kind became, and other numbers by which runs are compared. */
export function reported({ hyperparameters }: ReinforcementSettings): Readonly<Record<string, number>> {
  const { num_generations, max_completion_length, eval_samples, compute_multiplier, beta, temperature } =
    hyperparameters;
  return {
    num_generations: numberOf(num_generations),
    max_completion_length: numberOf(max_completion_length),
    eval_samples: numberOf(eval_samples),
    ...(compute_multiplier === undefined ? {} : { compute_multiplier: numberOf(compute_multiplier) }),
    ...{ beta, temperature },
  };
}
