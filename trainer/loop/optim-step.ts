import { TrimtabError } from "../../shared/errors.ts";
import type { AfterStep, Parameter } from "../../shared/peft/method.ts";
import { f32 } from "../../shared/tensor.ts";
import type { NamedTensors } from "../engines/executor.ts";
import { type AdamWConfig, adamwScalars } from "../optim/adamw.ts";
import { learningRate, type Schedule } from "../optim/schedule.ts";
import { applyAfterStep } from "./after-step.ts";
import type { Accumulated } from "./forward-backward.ts";
import type { TrainingState } from "./training-state.ts";
import type { OptimizerUpdate } from "./update.ts";

export interface StepReport {
  /** Counted from 1. */
  readonly step: number;
  readonly totalSteps: number;
  /** The step's mean loss: for a language model over its trained tokens, in nats. */
  readonly loss: number;
  readonly gradNorm: number;
  readonly learningRate: number;
  /** Trained tokens in this step, and in the run so far. */
  readonly stepTokens: number;
  readonly trainedTokens: number;
  /** The graphs' metrics besides the loss; absent if there are none. */
  readonly metrics?: Readonly<Record<string, number>>;
}

export interface OptimStepOptions {
  readonly parameters: readonly Parameter[];
  readonly optimizer: AdamWConfig;
  readonly schedule: Schedule;
  /** The compiled update of these parameters. */
  readonly update: OptimizerUpdate;
  /** The method's work after the update. Its memory is part of the state. */
  readonly afterStep?: AfterStep | undefined;
}

/**
 * Updates the parameters from a step's accumulated gradients. Returns the next state and a report of the step; mutates only the
 * pages of a paged update. Throws `non_finite`, naming the step, if the loss or the gradient is not finite.
 */
export async function optimStep(
  { parameters, optimizer, schedule, update, afterStep }: OptimStepOptions,
  state: TrainingState,
  accumulated: Accumulated,
): Promise<{ readonly state: TrainingState; readonly report: StepReport }> {
  const step = state.step + 1;
  const { loss, gradients, metrics, observed } = accumulated;
  const rate = learningRate(schedule, state.step);
  const scalars = Object.fromEntries(
    Object.entries(adamwScalars(optimizer, step, rate)).map(([name, value]) => [name, f32([], [value])]),
  );
  const results = await update.run({ tensors: state.tensors, gradients, scalars });
  const { grad_norm: norm, ...updated } = results;
  const gradNorm = Number(norm!.data[0]);
  requireFinite(step, loss, gradNorm);
  const { totalSteps } = schedule;
  const memory = [...(afterStep?.memory.keys() ?? [])].map((name) => [name, state.tensors[name]!] as const);
  let tensors: NamedTensors = { ...updated, ...Object.fromEntries(memory) };
  if (afterStep !== undefined) {
    const finished = { step, totalSteps, before: state.tensors, tensors, gradients, observed, gradNorm };
    tensors = applyAfterStep(afterStep, { parameters, optimizer }, finished);
  }
  const trainedTokens = state.trainedTokens + accumulated.trainedTokens;
  return {
    state: { ...state, step, trainedTokens, loss, tensors },
    report: {
      step,
      totalSteps,
      loss,
      gradNorm,
      learningRate: rate,
      stepTokens: accumulated.trainedTokens,
      trainedTokens,
      ...(Object.keys(metrics).length === 0 ? {} : { metrics }),
    },
  };
}

function requireFinite(step: number, loss: number, gradNorm: number): void {
  if (Number.isFinite(loss) && Number.isFinite(gradNorm)) return;
  throw new TrimtabError(
    "non_finite",
    `step ${step}: the ${Number.isFinite(loss) ? "gradient" : "loss"} is not finite; lower the learning rate`,
    { data: { step, loss, gradNorm } },
  );
}
