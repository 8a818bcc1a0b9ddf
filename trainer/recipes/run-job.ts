import { MEASURED_LINES } from "../../shared/api/measured-lines.ts";
import type { TrainingSettings } from "../../shared/api/methods.ts";
import { methodsOf } from "../../shared/peft/presets.ts";
import { stepBatches } from "../data/batches.ts";
import { tokensOf } from "../data/units.ts";
import type { CarriedState } from "../loop/carried-state.ts";
import { decodeCheckpoint, type ExpectedState, encodeCheckpoint } from "../loop/checkpoint.ts";
import { createProgramCache, type ProgramCache } from "../loop/program-cache.ts";
import { drawMasks } from "../loop/random-masks.ts";
import { initialSections } from "../loop/sections.ts";
import { type StepReport, type TrainingPlan, train } from "../loop/train.ts";
import { initialState, parameterValues, type TrainingState } from "../loop/training-state.ts";
import { relativeRates } from "../optim/schedule.ts";
import { feedsFor, frozenTensors, trainingGraphWithMetrics } from "./causal-graphs.ts";
import { createEvaluator, type Evaluator, type EvaluatorOptions, measureBase } from "./evaluator.ts";
import { maskEvent } from "./job-data.ts";
import { measuringEach, plannedEvent } from "./mixed-files.ts";
import { mixtureResult } from "./mixture-result.ts";
import type { Objective, PhaseRun } from "./objective.ts";
import { type PreparedRun, prepareRun } from "./prepare-run.ts";
import { createPublisher } from "./publisher.ts";
import type { Recipe, RecipeContext, RecipeJob, RecipeOutcome } from "./recipe.ts";
import { createStepHistory, HISTORY, HISTORY_SPEC, type StepHistory } from "./report/step-history.ts";
import { createRunTools } from "./run-tools.ts";
import { createStepReporter, type Measurement } from "./step-report.ts";
import type { RunHooks } from "./trained-run.ts";
import { createUnitSource, type UnitSource } from "./unit-source.ts";
import { createValidation, MEASUREMENTS, measuredSteps, resultMetrics, type Validation } from "./validation.ts";

/** A delta is published at the end of each of the last epochs, including the final one. */
const PUBLISHED_EPOCHS = 3;

/** The recipe for jobs of one type, whose settings the type's schema has checked. */
export function recipeFor<S extends TrainingSettings>(objective: Objective<S>, hooks?: RunHooks<S>): Recipe {
  return (job, context) => runJob(objective, job as RecipeJob<S>, context, hooks);
}

/**
 * Runs a job to its result: reads and encodes the data, resolves each `auto`, trains, measures, checkpoints, publishes
 * and reports. The objective supplies the job-specific parts. Throws `TrimtabError` with a code such as
 * `invalid_dataset` or `invalid_request` if the user has to change something, and `corrupt_blob` for a checkpoint of
 * another job.
 */
export async function runJob<S extends TrainingSettings>(
  objective: Objective<S>,
  job: RecipeJob<S>,
  context: RecipeContext,
  hooks?: RunHooks<S>,
): Promise<RecipeOutcome> {
  const { executor, event } = context;
  if (executor.notice !== undefined) event({ level: "warn", message: executor.notice, type: "message", data: null });
  const run = await prepareRun(objective, job, context);
  const kept = createProgramCache(executor);
  try {
    const history = hooks && createStepHistory();
    return await runPrepared(objective, job, {
      context: history ? recorded(context, history) : context,
      run,
      kept,
      hooks,
      history,
    });
  } finally {
    await kept.dispose();
  }
}

/** The same effects, with what the steps report kept. */
function recorded(context: RecipeContext, history: StepHistory): RecipeContext {
  return {
    ...context,
    event(event) {
      if (event.type === "metrics" && event.data !== null) history.add(event.data);
      context.event(event);
    },
  };
}

interface Surroundings<S extends TrainingSettings> {
  readonly context: RecipeContext;
  readonly run: PreparedRun;
  /** Keeps programs that are used repeatedly until the run ends. */
  readonly kept: ProgramCache;
  readonly hooks: RunHooks<S> | undefined;
  /** Absent without hooks. */
  readonly history: StepHistory | undefined;
}

async function runPrepared<S extends TrainingSettings>(
  objective: Objective<S>,
  job: RecipeJob<S>,
  { context, run, kept, hooks, history }: Surroundings<S>,
): Promise<RecipeOutcome> {
  const { config, weights, method, rows, plan } = run;
  const { schedule, epochs } = run.hyperparameters;
  const { totalSteps } = schedule;
  const { yieldToEventLoop } = context;
  const say = (message: string, data: Readonly<Record<string, number | string | boolean>> = {}) =>
    context.event({ level: "info", message, type: "message", data });
  const lines = MEASURED_LINES[objective.measuredOn ?? "validation_file"];
  const tools = createRunTools({ job, run, executor: kept, yieldToEventLoop });
  const phases = objective.phases?.start(tools);
  const carried = phases?.carried ?? objective.carried?.(tools);
  const every = phases && (phases.measureEvery ?? Math.ceil(totalSteps / MEASUREMENTS));
  const resolved = {
    ...run.hyperparameters.resolved,
    ...(every === undefined ? {} : { ...phases?.resolved, eval_interval: every }),
  };
  const first = firstState(run, carried);
  const start =
    job.checkpoint === null
      ? first
      : resumedState(job.checkpoint, {
          run: job.run,
          parameters: method.parameters,
          memory: method.afterStep?.memory,
          sections: carried?.specs,
          history,
        });
  say(start.step === 0 ? `Training ${totalSteps} steps in ${epochs} epochs` : `Continuing after step ${start.step}`, {
    ...resolved,
    step: start.step,
    total_steps: totalSteps,
    rows: rows.shape.rows,
    row_tokens: rows.shape.tokens,
  });
  const readsFile = objective.rollouts === undefined && phases === undefined;
  if (start.step === 0 && readsFile) {
    context.event(maskEvent(job.training.name, run.training[0]!, run.tokenizer));
  }

  if (start.step === 0 && run.mixture !== undefined) context.event(plannedEvent(run.mixture));
  const units = await createUnitSource({ objective, run, tools, phases });
  // The reference of fixed units has been computed by now; dropping its copy of the base makes room for training.
  if (readsFile && objective.refresh === undefined) await kept.clear();
  const measured: EvaluatorOptions = {
    ...{ config, weights, method, rows, yieldToEventLoop },
    loss: (graph) => objective.loss(graph, job.settings),
  };
  const evaluator =
    (run.validation || run.mixture) && phases === undefined
      ? await createEvaluator(context.executor, measured)
      : undefined;
  try {
    const validation =
      phases === undefined
        ? evaluator &&
          run.validation &&
          (await validationOf(measuringEach(evaluator, run.validationFiles), {
            context,
            run,
            units,
            measured,
            first,
            lines,
          }))
        : run.validation && (await phaseValidation(phases, { run, first, lines }));
    if (validation?.base.loss !== undefined) {
      const { loss } = validation.base;
      say(`Loss of the base on ${lines}: ${loss.toFixed(4)}`, { base_loss: loss });
    }
    const publish = await createPublisher(objective, job, { run, tools });
    const isDelta =
      job.parent?.kind !== "model" && methodsOf(job.settings.peft).every(({ settings }) => settings.type !== "full");
    let stepTokens = 0;
    const training = trainingPlan(objective, job, {
      context,
      run,
      units,
      phases,
      carried,
      onTokens: (count) => (stepTokens = count),
    });
    const reporter = createStepReporter(context, lines);
    const { stepsPerEpoch } = plan;
    const [trainingUnits, validationUnits] = [run.training.length, run.validation?.length ?? 0];
    const isMeasured = measuredSteps({
      totalSteps,
      stepsPerEpoch,
      training: trainingUnits,
      validation: validationUnits,
      every,
    });
    let last: { readonly step: number; readonly tuned: Measurement } | undefined;
    const measure = async (state: TrainingState): Promise<Measurement | undefined> => {
      if (last?.step === state.step) return last.tuned;
      const tuned = await validation?.measure(state);
      last = tuned && { step: state.step, tuned };
      return tuned;
    };

    async function onStep(report: StepReport, state: TrainingState): Promise<void> {
      const { step, loss, trainedTokens } = report;
      const endsEpoch = step % plan.stepsPerEpoch === 0 && step < totalSteps;
      reporter.pause(stepTokens);
      const tuned = isMeasured(step) ? await measure(state) : undefined;
      const metrics = phases === undefined ? report.metrics : { ...report.metrics, ...phases.metrics(state) };
      reporter.report({ ...report, ...(metrics === undefined ? {} : { metrics }) }, tuned);
      if (endsEpoch && isDelta && step > totalSteps - PUBLISHED_EPOCHS * plan.stepsPerEpoch) {
        const reached = resultMetrics(validation?.base, tuned);
        await context.publishCheckpoint(step, await publish(state, reached), { ...reached, train_loss: loss });
      }
      await context.afterStep({
        step,
        totalSteps,
        trainedTokens,
        state: () => encodeCheckpoint(history?.into(state) ?? state, job.run),
      });
      reporter.resume();
    }
    const end = await train(context.executor, training, start, { onStep });
    const stopped = end.step < totalSteps ? phases?.stop(end, totalSteps) : undefined;
    if (stopped !== undefined) say(`Stopped after step ${end.step} of ${totalSteps}: ${stopped}`, { step: end.step });

    const tuned = await measure(end);
    const mixed = await mixtureResult(end, { run, context, units, evaluator });
    const metrics = {
      ...resultMetrics(validation?.base, tuned),
      ...mixed,
      ...(stopped === undefined ? {} : { stopped_after_step: end.step }),
    };
    const folder = await publish(end, metrics);
    const reached = { ...metrics, ...(end.loss === undefined ? {} : { train_loss: end.loss }) };
    if (folder.kind === "delta") await context.publishCheckpoint(end.step, folder, reached);
    if (validation?.base.loss !== undefined && tuned?.loss !== undefined) {
      const [before, after] = [validation.base.loss, tuned.loss].map((loss) => loss.toFixed(4));
      say(`Loss on ${lines}: ${before} before, ${after} after`, metrics);
    }
    await hooks?.afterTraining({
      ...{ objective, job, context, run, metrics, executor: kept },
      step: end.step,
      values: parameterValues(end, method.parameters),
      steps: history?.steps ?? [],
    });
    const speed = reporter.speed();
    return {
      folder,
      metrics: { ...reached, ...(speed === undefined ? {} : { train_tokens_per_second: speed }) },
      trainedTokens: end.trainedTokens,
      hyperparameters: resolved,
    };
  } finally {
    await evaluator?.dispose();
    await phases?.dispose();
  }
}

/** The state of a checkpoint; the steps' metrics that it holds go to the history. */
function resumedState(
  checkpoint: Uint8Array,
  { history, ...expected }: ExpectedState & { readonly history: StepHistory | undefined },
): TrainingState {
  if (history === undefined) return decodeCheckpoint(checkpoint, expected);
  const sections = { ...expected.sections, [HISTORY]: HISTORY_SPEC };
  return history.from(decodeCheckpoint(checkpoint, { ...expected, sections }));
}

function firstState({ method }: PreparedRun, carried: CarriedState | undefined): TrainingState {
  const state = initialState(method.parameters, method.initial, method.afterStep?.memory);
  return carried === undefined ? state : { ...state, sections: initialSections(carried.specs) };
}

interface PlanOptions {
  readonly context: RecipeContext;
  readonly run: PreparedRun;
  readonly units: UnitSource;
  readonly phases: PhaseRun | undefined;
  readonly carried: CarriedState | undefined;
  /** Called before each step with the number of tokens it reads. */
  readonly onTokens: (tokens: number) => void;
}

function trainingPlan<S extends TrainingSettings>(
  objective: Objective<S>,
  { seed, settings }: RecipeJob<S>,
  { context, run, units, phases, carried, onTokens }: PlanOptions,
): TrainingPlan {
  const { config, weights, method, rows } = run;
  const { optimizer, schedule } = run.hyperparameters;
  const { optim, optim_memory_limit: memoryLimit = 0 } = settings.hyperparameters;
  const { graph, metrics } = trainingGraphWithMetrics({
    ...{ config, method, shape: rows.shape, units: rows.units },
    loss: (loss) => objective.loss(loss, settings),
  });
  const masks = method.randomInputs(rows.shape);
  return {
    gradients: graph,
    metrics,
    frozen: frozenTensors(weights, method),
    parameters: relativeRates(method.parameters, schedule),
    optimizer,
    ...(optim === "paged_adamw_32bit" ? { paging: { store: context.openPages(), memoryLimit } } : {}),
    schedule,
    ...(method.afterStep === undefined ? {} : { afterStep: method.afterStep }),
    ...(carried === undefined ? {} : { carried }),
    ...(phases === undefined ? {} : { stop: (state) => phases.stop(state, schedule.totalSteps) !== undefined }),
    async batches(step, state) {
      const groups = await units.training(state, parameterValues(state, method.parameters));
      onTokens(tokensOf(groups.flat()));
      return stepBatches(groups, rows).map(({ feeds, trainedTokens }, micro) => ({
        feeds: { ...feedsFor(graph, feeds), ...drawMasks(masks, { seed, step, micro }) },
        trainedTokens,
      }));
    },
  };
}

interface ValidationContext {
  readonly context: RecipeContext;
  readonly run: PreparedRun;
  readonly units: UnitSource;
  readonly measured: EvaluatorOptions;
  /** The state before the first step. */
  readonly first: TrainingState;
  /** What messages call the lines that are measured. */
  readonly lines: string;
}

async function validationOf(
  evaluator: Evaluator,
  { context, run, units, measured, first, lines }: ValidationContext,
): Promise<Validation> {
  const { method, own, resumed } = run;
  const valuesOf = (state: TrainingState) => parameterValues(state, method.parameters);
  const measure = async (state: TrainingState) =>
    evaluator.measure(valuesOf(state), await units.validation(state, valuesOf(state)));
  const bare = units.bareValidation;
  const base =
    method.startsAsBase || resumed !== undefined || bare === undefined
      ? await measure(first)
      : await measureBase(context.executor, { ...measured, own, units: bare });
  return createValidation(base, measure, lines);
}

async function phaseValidation(
  phases: PhaseRun,
  { run, first, lines }: Pick<ValidationContext, "run" | "first" | "lines">,
): Promise<Validation> {
  const measure = async (state: TrainingState) => ({
    metrics: await phases.measure(parameterValues(state, run.method.parameters)),
  });
  return createValidation(await measure(first), measure, lines);
}
