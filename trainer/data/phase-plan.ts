import { TrimtabError } from "../../shared/errors.ts";
import { createRandom } from "../../shared/random.ts";
import { createStepPlan, evenPart, type StepPlan, stepsPerEpoch } from "./step-plan.ts";

/** How often a phase's replies are trained on. */
export interface PhaseShape {
  /** Replies to each prompt. */
  readonly generations: number;
  /** How often every reply of a phase is trained on. */
  readonly epochs: number;
  /** Optimizer steps of each of those epochs. */
  readonly minibatches: number;
}

export interface PhasePlanOptions extends PhaseShape {
  /** How many prompts there are, at least one. */
  readonly examples: number;
  /** Prompts of a phase, at most, together with `accumulation`: a phase has `batchSize` · `accumulation` of them. */
  readonly batchSize: number;
  /** Micro-groups of an optimizer step, at most. */
  readonly accumulation: number;
  readonly seed: number;
  /** See `StepPlanOptions`. */
  readonly order?: ((epoch: number) => Uint32Array) | undefined;
  /** The path of the hyperparameters in the request, for errors. */
  readonly param: string;
}

/**
 * Which replies each optimizer step learns from. Step s belongs to phase ⌊s / (epochs · minibatches)⌋: before its first step the
 * run samples replies to the phase's prompts, and all of its steps train on them.
 */
export interface PhasePlan extends StepPlan {
  readonly stepsPerPhase: number;
  /** Replies to each prompt. */
  readonly generations: number;
  readonly phaseOf: (step: number) => number;
  /** The prompts of a phase, as example numbers. Its reply r answers prompt ⌊r / generations⌋ of them. */
  readonly prompts: (phase: number) => number[];
  /** The replies of a step, as numbers within its phase, in micro-groups. */
  readonly replies: (step: number) => number[][];
}

/** Optimizer steps in which every prompt is answered once. */
export function phaseStepsPerEpoch(
  options: Omit<PhasePlanOptions, "seed" | "order" | "param" | "generations">,
): number {
  return stepsPerEpoch(options) * options.epochs * options.minibatches;
}

/**
 * Answers every prompt once an epoch of the data. Within a phase every epoch has an order of replies of its own, cut into
 * minibatches whose sizes differ by at most one. Throws `invalid_request` for more minibatches than a phase has replies.
 */
export function createPhasePlan(options: PhasePlanOptions): PhasePlan {
  const { examples, batchSize, accumulation, generations, epochs, minibatches, seed, order: given } = options;
  const all = { examples, batchSize: batchSize * accumulation, accumulation: 1, seed, order: given };
  const ofPhases = createStepPlan(all);
  const stepsPerPhase = epochs * minibatches;
  const phaseOf = (step: number) => Math.floor(step / stepsPerPhase);
  const prompts = (phase: number) => ofPhases.groups(phase).flat();
  const least = Math.floor(examples / ofPhases.stepsPerEpoch) * generations;
  if (minibatches > least) {
    const param = `${options.param}.minibatches`;
    throw new TrimtabError(
      "invalid_request",
      `\`${param}\` is ${minibatches}, but a phase of this run has only ${least} replies: ${examples} prompts in phases of up to ${batchSize * accumulation}, with ${generations} replies each. Lower it, or raise \`batch_size\` or \`num_generations\`.`,
      { param },
    );
  }

  let shuffled: { phase: number; epoch: number; order: Uint32Array } | undefined;
  function order(phase: number, epoch: number): Uint32Array {
    if (shuffled?.phase !== phase || shuffled.epoch !== epoch) {
      const count = prompts(phase).length * generations;
      shuffled = { phase, epoch, order: createRandom(seed, "minibatches", phase, epoch).permutation(count) };
    }
    return shuffled.order;
  }

  function replies(step: number): number[][] {
    const within = step % stepsPerPhase;
    const ofPhase = order(phaseOf(step), Math.floor(within / minibatches));
    const ofStep = evenPart(ofPhase, within % minibatches, minibatches);
    const count = Math.min(accumulation, ofStep.length);
    return Array.from({ length: count }, (_, group) => Array.from(evenPart(ofStep, group, count)));
  }

  return {
    stepsPerEpoch: ofPhases.stepsPerEpoch * stepsPerPhase,
    stepsPerPhase,
    generations,
    phaseOf,
    prompts,
    replies,
    groups(step) {
      const asked = prompts(phaseOf(step));
      return replies(step).map((group) => group.map((reply) => asked[Math.floor(reply / generations)]!));
    },
  };
}
