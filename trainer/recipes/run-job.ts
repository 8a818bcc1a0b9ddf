import { MEASURED_LINES } from "../../shared/api/measured-lines.ts";
import { settingsPath, type TrainingSettings } from "../../shared/api/methods.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { methodsOf } from "../../shared/peft/presets.ts";
import { labelledCapacity } from "../data/labelled.ts";
import type { Unit } from "../data/units.ts";
import type { CarriedState } from "../loop/carried-state.ts";
import { decodeCheckpoint, type ExpectedState, encodeCheckpoint } from "../loop/checkpoint.ts";
import { createProgramCache, type ProgramCache } from "../loop/program-cache.ts";
import { initialSections } from "../loop/sections.ts";
import { type StepReport, train } from "../loop/train.ts";
import { initialState, parameterValues, type TrainingState } from "../loop/training-state.ts";
import { createEvaluator, type EvaluatorOptions } from "./evaluator.ts";
import { maskEvent } from "./job-data.ts";
import { BEST, type BestStep, createBestStep, keepsBest } from "./keeping/best-step.ts";
import { createEwc } from "./keeping/ewc.ts";
import { createForgetting, forgettingMessage, forgettingResult } from "./keeping/forgetting.ts";
import { createMemorisation } from "./keeping/memorisation.ts";
import { createRehearsal } from "./keeping/rehearsal.ts";
import { measuringEach, plannedEvent } from "./mixed-files.ts";
import { mixtureResult } from "./mixture-result.ts";
import type { Objective } from "./objective.ts";
import { type PreparedRun, prepareRun } from "./prepare-run.ts";
import { createPublisher } from "./publisher.ts";
import type { Metrics, Recipe, RecipeContext, RecipeJob, RecipeOutcome } from "./recipe.ts";
import { createStepHistory, HISTORY, HISTORY_SPEC, type StepHistory } from "./report/step-history.ts";
import { createRunTools } from "./run-tools.ts";
import { phaseValidation, validationOf } from "./run-validation.ts";
import { createStepReporter, type Measurement } from "./step-report.ts";
import type { RunHooks } from "./trained-run.ts";
import { trainingPlan } from "./training-plan.ts";
import { createUnitSource, type UnitSource } from "./unit-source.ts";
import { MEASUREMENTS, measuredSteps, resultMetrics } from "./validation.ts";

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
  const { hyperparameters: asked } = job.settings;
  const every = asked.eval_steps ?? (phases && (phases.measureEvery ?? Math.ceil(totalSteps / MEASUREMENTS)));
  const best = keepsBest(asked) ? createBestStep({ parameters: method.parameters, settings: asked }) : undefined;
  const resolved = {
    ...run.hyperparameters.resolved,
    ...(phases === undefined ? {} : { ...phases.resolved, eval_interval: every! }),
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
          best,
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
    if (best !== undefined && validation?.base.loss === undefined) throw nothingToCompare(job);
    if (validation?.base.loss !== undefined) {
      const { loss } = validation.base;
      say(`Loss of the base on ${lines}: ${loss.toFixed(4)}`, { base_loss: loss });
    }
    const publish = await createPublisher(objective, job, { run, tools });
    const isDelta =
      job.parent?.kind !== "model" && methodsOf(job.settings.peft).every(({ settings }) => settings.type !== "full");
    let stepTokens = 0;
    const param = `${settingsPath(job)}.hyperparameters`;
    const rehearsal = await createRehearsal({ job, run, context, param: `${param}.rehearsal_file` });
    const ewc = await createEwc(context.executor, { job, run, context });
    const whyStop = (state: TrainingState) => best?.stop() ?? phases?.stop(state, totalSteps);
    const training = trainingPlan(objective, job, {
      ...{ context, run, units, carried },
      companions: [rehearsal, ewc].filter((one) => one !== undefined),
      labelled: readsFile && objective.refresh === undefined ? await labelledOf(units, first, run) : undefined,
      stop: best === undefined && phases === undefined ? undefined : (state) => whyStop(state) !== undefined,
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
    const forgetting = await createForgetting(kept, { job, run, context, isMeasured });
    const memorisation = objective.imitates === true ? createMemorisation({ run, tools }) : undefined;
    const gauges = [forgetting, memorisation].filter((one) => one !== undefined);
    let last: { readonly step: number; readonly tuned: Measurement } | undefined;
    const measure = async (state: TrainingState): Promise<Measurement | undefined> => {
      if (last?.step === state.step) return last.tuned;
      const tuned = await validation?.measure(state);
      last = tuned && { step: state.step, tuned };
      return tuned;
    };
    async function gauged(state: TrainingState): Promise<Metrics> {
      const found: Record<string, number> = {};
      for (const gauge of gauges) if (gauge.at(state.step)) Object.assign(found, await gauge.measure(state));
      return found;
    }

    async function onStep(report: StepReport, state: TrainingState): Promise<void> {
      const { step, loss, trainedTokens } = report;
      const endsEpoch = step % plan.stepsPerEpoch === 0 && step < totalSteps;
      reporter.pause(stepTokens);
      const tuned = isMeasured(step) || step === job.measureAt ? await measure(state) : undefined;
      if (tuned?.loss !== undefined) best?.add(state, tuned.loss);
      const metrics = { ...report.metrics, ...phases?.metrics(state), ...(await gauged(state)) };
      reporter.report({ ...report, metrics }, tuned);
      if (endsEpoch && isDelta && step > totalSteps - PUBLISHED_EPOCHS * plan.stepsPerEpoch) {
        const reached = resultMetrics(validation?.base, tuned);
        await context.publishCheckpoint(step, await publish(state, reached), { ...reached, train_loss: loss });
      }
      await context.afterStep({
        step,
        totalSteps,
        trainedTokens,
        state: () => encodeCheckpoint(withCourse(state, { history, best }), job.run),
      });
      reporter.resume();
    }
    const end = await train(context.executor, training, start, { onStep });
    const stopped = end.step < totalSteps ? whyStop(end) : undefined;
    if (stopped !== undefined) say(`Stopped after step ${end.step} of ${totalSteps}: ${stopped}`, { step: end.step });

    const result = best?.best()?.state ?? end;
    if (best !== undefined) {
      const message = `The result is that of step ${result.step}, whose loss on ${lines} was the lowest that was measured`;
      say(message, { step: result.step });
    }
    const tuned = await measure(result);
    const mixed = await mixtureResult(end, { run, context, units, evaluator, published: result });
    const left = await forgetting?.measure(result);
    const metrics = {
      ...resultMetrics(validation?.base, tuned),
      ...forgettingResult(forgetting?.before, left),
      ...run.overlap,
      ...mixed,
      ...(stopped === undefined ? {} : { stopped_after_step: end.step }),
      ...(best === undefined ? {} : { best_step: result.step }),
    };
    const folder = await publish(result, metrics);
    const reached = { ...metrics, ...(result.loss === undefined ? {} : { train_loss: result.loss }) };
    if (folder.kind === "delta") await context.publishCheckpoint(result.step, folder, reached);
    if (validation?.base.loss !== undefined && tuned?.loss !== undefined) {
      const [before, after] = [validation.base.loss, tuned.loss].map((loss) => loss.toFixed(4));
      say(`Loss on ${lines}: ${before} before, ${after} after`, metrics);
    }
    if (forgetting !== undefined) say(forgettingMessage(metrics), metrics);
    await hooks?.afterTraining({
      ...{ objective, job, context, run, metrics, executor: kept },
      step: result.step,
      values: parameterValues(result, method.parameters),
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

/** What is kept in checkpoints beside the state that the loop sees. */
interface Course {
  readonly history: StepHistory | undefined;
  readonly best: BestStep | undefined;
}

function withCourse(state: TrainingState, { history, best }: Course): TrainingState {
  const withHistory = history?.into(state) ?? state;
  return best?.into(withHistory) ?? withHistory;
}

/** The state of a checkpoint; what the course of the run is known by goes to those who keep it. */
function resumedState(checkpoint: Uint8Array, { history, best, ...expected }: ExpectedState & Course): TrainingState {
  const sections = {
    ...expected.sections,
    ...(history === undefined ? {} : { [HISTORY]: HISTORY_SPEC }),
    ...(best === undefined ? {} : { [BEST]: best.spec }),
  };
  const state = decodeCheckpoint(checkpoint, { ...expected, sections });
  const withoutHistory = history?.from(state) ?? state;
  return best?.from(withoutHistory) ?? withoutHistory;
}

function nothingToCompare<S extends TrainingSettings>(job: RecipeJob<S>): TrimtabError {
  const { early_stopping_patience: patience } = job.settings.hyperparameters;
  const field = patience === undefined ? "load_best_model_at_end" : "early_stopping_patience";
  const param = `${settingsPath(job)}.hyperparameters.${field}`;
  const why =
    job.validation === null
      ? "the job has no validation file: name one as `validation_file`, or leave the setting out"
      : `a job of the type ${job.type} measures no validation loss: leave the setting out`;
  return new TrimtabError("invalid_request", `\`${param}\` compares losses on the validation file, and ${why}.`, {
    param,
  });
}

/** Steps whose micro-batches say how many positions one has that are labelled. */
const EXAMINED_STEPS = 64;

async function labelledOf(units: UnitSource, first: TrainingState, { method, hyperparameters, rows }: PreparedRun) {
  const steps: (readonly (readonly Unit[])[])[] = [];
  for (let step = 0; step < Math.min(EXAMINED_STEPS, hyperparameters.schedule.totalSteps); step++) {
    steps.push(await units.training({ ...first, step }, method.initial));
  }
  return labelledCapacity(steps, rows);
}

function firstState({ method }: PreparedRun, carried: CarriedState | undefined): TrainingState {
  const state = initialState(method.parameters, method.initial, method.afterStep?.memory);
  return carried === undefined ? state : { ...state, sections: initialSections(carried.specs) };
}
