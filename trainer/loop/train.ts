import { TrimtabError } from "../../shared/errors.ts";
import type { Graph } from "../../shared/graph/graph.ts";
import type { AfterStep, Parameter } from "../../shared/peft/method.ts";
import { f32, type Tensor } from "../../shared/tensor.ts";
import type { CompileOptions, Executor, NamedTensors, Program } from "../engines/executor.ts";
import { type AdamWConfig, adamwScalars, slots } from "../optim/adamw.ts";
import { learningRate, type Schedule } from "../optim/schedule.ts";
import { applyAfterStep } from "./after-step.ts";
import { createUpdate } from "./optimizer-update.ts";
import { sharedZeros, type TrainingState } from "./training-state.ts";
import type { Paging } from "./update.ts";

/** What a recipe says about its run; the loop below is the same for all of them. */
export interface TrainingPlan {
  /** One micro-batch: outputs `loss` and, for each parameter, accumulator + gradient. */
  readonly gradients: Graph;
  /** Frozen inputs of `gradients`. */
  readonly frozen: ReadonlyMap<string, Tensor>;
  readonly parameters: readonly Parameter[];
  readonly optimizer: AdamWConfig;
  /** Where the optimizer's moments are kept that shall not be in memory; all are when left out. */
  readonly paging?: Paging;
  readonly schedule: Schedule;
  /** What happens after each update; its memory is part of the state. */
  readonly afterStep?: AfterStep;
  /**
   * The micro-batches of a step, a pure function of its number: a resumed run asks for the same step and gets the same
   * bytes. Each holds the open inputs of `gradients` that are neither parameters nor accumulators.
   */
  readonly batches: (step: number) => readonly MicroBatch[];
}

export interface MicroBatch {
  readonly feeds: NamedTensors;
  /** Tokens with a label in this micro-batch. */
  readonly trainedTokens: number;
}

export interface StepReport {
  /** Counted from 1. */
  readonly step: number;
  readonly totalSteps: number;
  /** Mean over the step's labelled tokens, in nats. */
  readonly loss: number;
  readonly gradNorm: number;
  readonly learningRate: number;
  /** Labelled tokens in this step, and in the run so far. */
  readonly stepTokens: number;
  readonly trainedTokens: number;
}

export interface LoopOptions {
  /** Called after every step with the new state; the loop waits for it, so that it may checkpoint, report or throw. */
  readonly onStep?: (report: StepReport, state: TrainingState) => Promise<void> | void;
  /** Stop after this many steps of the run, for a plan that changes on the way; the schedule's end when left out. */
  readonly until?: number;
}

/**
 * Runs `plan` from `state` to `schedule.totalSteps` and gives the last state. Nothing is mutated but the pages of
 * `paging`: every step makes new tensors. Throws `non_finite`, naming the step, when the loss or the gradient stops being
 * a number, and what the plan's `afterStep` throws about the number of steps, before the first one.
 */
export async function train(
  executor: Executor,
  plan: TrainingPlan,
  state: TrainingState,
  { onStep, until = plan.schedule.totalSteps }: LoopOptions = {},
): Promise<TrainingState> {
  const { parameters, optimizer, schedule } = plan;
  plan.afterStep?.checkSteps?.(schedule.totalSteps);
  const programs: Program[] = [];
  const compile = async (graph: Graph, options?: CompileOptions) => {
    const program = await executor.compile(graph, options);
    programs.push(program);
    return program;
  };
  const memory = [...(plan.afterStep?.memory.keys() ?? [])];
  const nothing = sharedZeros(parameters);
  const emptyAccumulators = Object.fromEntries(
    parameters.map(({ name, shape }) => [slots(name).gradient, nothing(shape)]),
  );
  try {
    const micro = await compile(plan.gradients, { bindings: plan.frozen });
    const update = await createUpdate({
      parameters,
      optimizer,
      compile,
      ...(plan.paging === undefined ? {} : { paging: plan.paging }),
    });
    let current: TrainingState = { ...state, tensors: update.adopt(state.tensors) };
    while (current.step < until) {
      const step = current.step + 1;
      const values = Object.fromEntries(parameters.map(({ name }) => [name, current.tensors[name]!]));
      let loss = 0;
      let stepTokens = 0;
      let accumulators: NamedTensors = emptyAccumulators;
      for (const { feeds, trainedTokens } of plan.batches(current.step)) {
        const { loss: part, ...sums } = await micro.run({ ...feeds, ...values, ...accumulators });
        loss += Number(part!.data[0]);
        stepTokens += trainedTokens;
        accumulators = sums;
      }
      const rate = learningRate(schedule, current.step);
      const scalars = Object.fromEntries(
        Object.entries(adamwScalars(optimizer, step, rate)).map(([name, value]) => [name, f32([], [value])]),
      );
      const remembered = Object.fromEntries(memory.map((name) => [name, current.tensors[name]!]));
      const results = await update.run({ tensors: current.tensors, gradients: accumulators, scalars });
      const { grad_norm: norm, ...moved } = results;
      const gradNorm = Number(norm!.data[0]);
      if (!Number.isFinite(loss) || !Number.isFinite(gradNorm)) {
        throw new TrimtabError(
          "non_finite",
          `step ${step}: the ${Number.isFinite(loss) ? "gradient" : "loss"} is not finite; lower the learning rate`,
          { data: { step, loss, gradNorm } },
        );
      }
      const trainedTokens = current.trainedTokens + stepTokens;
      const { totalSteps } = schedule;
      let tensors: NamedTensors = { ...moved, ...remembered };
      if (plan.afterStep !== undefined) {
        const finished = { step, totalSteps, tensors, gradients: accumulators, gradNorm };
        tensors = applyAfterStep(plan.afterStep, { parameters, optimizer }, finished);
      }
      current = { step, trainedTokens, loss, tensors };
      await onStep?.({ step, totalSteps, loss, gradNorm, learningRate: rate, stepTokens, trainedTokens }, current);
    }
    return current;
  } finally {
    await Promise.all(programs.map((program) => program.dispose()));
  }
}
