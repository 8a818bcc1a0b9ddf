import type { Graph } from "../../shared/graph/graph.ts";
import type { AfterStep, Parameter } from "../../shared/peft/method.ts";
import type { Tensor } from "../../shared/tensor.ts";
import type { CompileOptions, Executor, Program } from "../engines/executor.ts";
import type { AdamWConfig } from "../optim/adamw.ts";
import type { Schedule } from "../optim/schedule.ts";
import { type CarriedState, withSections } from "./carried-state.ts";
import { forwardBackward, type MicroBatch } from "./forward-backward.ts";
import type { MetricKinds } from "./metrics.ts";
import { optimStep, type StepReport } from "./optim-step.ts";
import { createUpdate } from "./optimizer-update.ts";
import type { TrainingState } from "./training-state.ts";
import type { Paging } from "./update.ts";

export type { MicroBatch } from "./forward-backward.ts";
export type { StepReport } from "./optim-step.ts";

/** The run-specific parts; the loop below is the same for all runs. */
export interface TrainingPlan {
  /** One micro-batch: outputs `loss`, the metrics and, for each parameter, accumulator + gradient. */
  readonly gradients: Graph;
  /** Frozen inputs of `gradients`. */
  readonly frozen: ReadonlyMap<string, Tensor>;
  readonly parameters: readonly Parameter[];
  /** The metrics among the outputs of `gradients`, and how those of several micro-batches combine; none by default. */
  readonly metrics?: MetricKinds;
  /** Further outputs of `gradients`, of any shape, that `afterStep` looks at; none by default. */
  readonly observed?: readonly string[];
  readonly optimizer: AdamWConfig;
  /** Where to keep the optimizer's moments that leave memory. Without it, all of them stay. */
  readonly paging?: Paging;
  readonly schedule: Schedule;
  /** The work after each update; its memory is part of the state. */
  readonly afterStep?: AfterStep;
  /** The state's sections, and how they change. */
  readonly carried?: CarriedState;
  /** Whether the run ends before the state's next step. Asked after the sections' `beforeStep`; a pure function of the state. */
  readonly stop?: (state: TrainingState) => boolean;
  /**
   * The micro-batches of a step: a pure function of the step's number and the state before it. A resumed run asks for the same
   * step with the same state and must get the same bytes. Each feeds the inputs of `gradients` that are neither frozen,
   * parameters nor accumulators.
   */
  readonly batches: (step: number, state: TrainingState) => readonly MicroBatch[] | Promise<readonly MicroBatch[]>;
}

export interface LoopOptions {
  /** Called after every step with the new state. The loop waits for it, so it can checkpoint, report or throw. */
  readonly onStep?: (report: StepReport, state: TrainingState) => Promise<void> | void;
  /** Stop after this step, for a plan that changes partway; defaults to the schedule's end. */
  readonly until?: number;
}

/**
 * Runs `plan` from `state` to `schedule.totalSteps`, or to where it stops, and returns the last state. Only the pages of `paging` are mutated:
 * every step makes new tensors. Programs are disposed at the end, unless `executor` is a program cache that keeps them
 * for the next call. Throws `non_finite`, naming the step, when the loss or the gradient stops being a number, and,
 * before the first step, the plan's `afterStep` errors about the number of steps.
 */
export async function train(
  executor: Executor,
  plan: TrainingPlan,
  state: TrainingState,
  { onStep, until = plan.schedule.totalSteps }: LoopOptions = {},
): Promise<TrainingState> {
  const { parameters, optimizer, schedule, afterStep, carried } = plan;
  afterStep?.checkSteps?.(schedule.totalSteps);
  const programs: Program[] = [];
  const compile = async (graph: Graph, options?: CompileOptions) => {
    const program = await executor.compile(graph, options);
    programs.push(program);
    return program;
  };
  const compiled = new Map<Graph, Program>();
  async function program({
    graph = plan.gradients,
    frozen = plan.frozen,
  }: Pick<MicroBatch, "graph" | "frozen">): Promise<Program> {
    const made = compiled.get(graph) ?? (await compile(graph, { bindings: frozen }));
    compiled.set(graph, made);
    return made;
  }
  try {
    await program({});
    const update = await createUpdate({
      parameters,
      optimizer,
      compile,
      ...(plan.paging === undefined ? {} : { paging: plan.paging }),
    });
    const { metrics = {}, observed = [] } = plan;
    let current: TrainingState = { ...state, tensors: update.adopt(state.tensors) };
    while (current.step < until) {
      if (carried?.beforeStep !== undefined) {
        current = withSections(current, carried.specs, await carried.beforeStep(current));
      }
      if (plan.stop?.(current) === true) break;
      const batches = await plan.batches(current.step, current);
      const { tensors } = current;
      const values = Object.fromEntries(parameters.map(({ name }) => [name, tensors[name]!]));
      const accumulated = await forwardBackward({ parameters, values, batches, program, metrics, observed });
      const next = await optimStep({ parameters, optimizer, schedule, update, afterStep }, current, accumulated);
      current = next.state;
      if (carried?.afterStep !== undefined) {
        current = withSections(current, carried.specs, await carried.afterStep(current, next.report));
      }
      await onStep?.(next.report, current);
    }
    return current;
  } finally {
    await Promise.all(programs.map((made) => made.dispose()));
  }
}
