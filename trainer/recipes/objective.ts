import type { MeasuredLines } from "../../shared/api/measured-lines.ts";
import type { TrainingSettings } from "../../shared/api/methods.ts";
import type { Scorer } from "../../shared/delta/scorer.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import type { Tokenizer } from "../../shared/model/tokenizer.ts";
import type { Weights } from "../../shared/model/weights.ts";
import type { AttachedMethod, Parameter } from "../../shared/peft/method.ts";
import type { Tensor } from "../../shared/tensor.ts";
import type { RowOptions } from "../data/batches.ts";
import type { UnitLine } from "../data/examples.ts";
import type { PhasePlan, PhaseShape } from "../data/phase-plan.ts";
import type { Unit, UnitForm } from "../data/units.ts";
import type { Executor } from "../engines/executor.ts";
import type { CarriedState } from "../loop/carried-state.ts";
import type { TrainingState } from "../loop/training-state.ts";
import type { LossContext, LossGraph } from "./loss-context.ts";
import type { Dataset, Metrics, RecipeContext } from "./recipe.ts";
import type { ResultFolder } from "./result.ts";
import type { TokenOutputs, TokenReader } from "./scorer.ts";

/**
 * The goal of a kind of training. An objective is one file and one registry row; `runJob` does the rest: it reads and
 * checks the data, resolves hyperparameters, builds and compiles the graphs, trains, measures, checkpoints, publishes
 * and reports. Everything here is a pure function of its arguments, so that a run can resume at any step.
 */
export interface Objective<Settings extends TrainingSettings = TrainingSettings> {
  /** How many examples its units have, and which columns its graph reads besides the tokens. */
  form(settings: Settings): UnitForm;
  /**
   * Turns the lines of a training or validation file into the examples of units. Throws `invalid_file` with the line's number,
   * the field and what to change.
   */
  lines(dataset: Dataset, settings: Settings): Iterable<UnitLine>;
  /** Where the validation lines come from that it gives; the validation file by default. */
  readonly measuredOn?: MeasuredLines;
  /** Adds a micro-batch's loss to its graph, and the metrics to report with it. */
  loss(context: LossContext, settings: Settings): LossGraph;
  /**
   * `base`: the loss reads the log-probability of every trained token under the same weights with the delta off, as the token
   * column `REFERENCE`. It is computed once, before the first step, or for rollouts when they are made.
   */
  readonly reference?: "base";
  /** Set if the lines are prompts from which the run makes its units; absent if the run trains on the file itself. */
  readonly rollouts?: Rollouts<Settings>;
  /** Set if the lines are prompts that the run answers a batch at a time, and learns from the replies for several steps. */
  readonly phases?: Phases<Settings>;
  /**
   * Adds columns that depend on the current state, such as a KL estimate over the step. Called once, before the first step; the
   * refresher it returns is called with every step's units before its batches are made. Absent if units never change.
   */
  refresh?(tools: RunTools<Settings>): UnitRefresher | Promise<UnitRefresher>;
  /** State that it carries from step to step besides the parameters. */
  carried?(tools: RunTools<Settings>): CarriedState;
  /** Its own parameters besides the method's, such as a head. The loss reads them with `LossContext.parameter`. */
  parameters?(options: OwnParameterOptions<Settings>): OwnParameters;
  /**
   * Makes the scorer that the published delta carries, with measurements to publish beside it. Called for every result. Equal
   * arguments give equal bytes.
   */
  scorer?(options: ScorerOptions<Settings>): Promise<{ readonly scorer: Scorer; readonly metrics: Metrics }>;
  /**
   * Adds the objective's own files to the result, such as those of its parameters. Equal arguments give equal bytes.
   */
  publish?(folder: ResultFolder, options: PublishedState<Settings>): ResultFolder | Promise<ResultFolder>;
  /** Its units are texts to imitate, so that a run measures how many of them it learns by heart. */
  readonly imitates?: boolean;
  /** The peak learning rate that `auto` stands for, as a multiple of supervised training's; 1 by default. */
  readonly learningRate?: number;
}

/** The token column with the reference's log-probabilities: 0 for tokens that are not trained. */
export const REFERENCE = "reference";

/** How units are made in the loop, from the current state. */
export interface Rollouts<Settings extends TrainingSettings> {
  /**
   * The most tokens that each example of a prompt's unit can have, including the prompt; at most `limit`. The batch's shape is
   * chosen to fit them.
   */
  lengths(prompt: Unit, options: { readonly settings: Settings; readonly limit: number }): readonly number[];
  /** Called once, before the first step. What it builds and compiles lasts for the whole run. */
  start(tools: RunTools<Settings>): RolloutSampler | Promise<RolloutSampler>;
}

/**
 * Makes a unit for each prompt, in order. Random numbers must come from a stream named by the seed and the step, so that a
 * resumed run makes the same units.
 */
export type RolloutSampler = (options: RolloutOptions) => Promise<readonly Unit[]>;

/** Returns the same units in the same order, with further columns. Pure, like a `RolloutSampler`. */
export type UnitRefresher = (options: Moment & { readonly units: readonly Unit[] }) => Promise<readonly Unit[]>;

/** The step for which units are made or refreshed. */
export interface Moment {
  /** The state before the step; its sections are the objective's. */
  readonly state: TrainingState;
  /** The state's parameters. */
  readonly values: ReadonlyMap<string, Tensor>;
  readonly purpose: "training" | "validation";
}

export interface RolloutOptions extends Moment {
  /** Each has one example without labels: the text before the reply. */
  readonly prompts: readonly Unit[];
}

/** A run in phases: it samples replies to some prompts, learns from them for several steps, and goes on to other prompts. */
export interface Phases<Settings extends TrainingSettings> {
  /** How many replies a phase has and how often they are trained on. */
  shape(settings: Settings): PhaseShape;
  /** The most tokens of a reply. A prompt that leaves less room is dropped. */
  replyTokens(settings: Settings): number;
  /** Called once, before the first step. */
  start(tools: RunTools<Settings>): PhaseRun;
}

/** The phases of one run. All but `dispose` are pure functions of their arguments. */
export interface PhaseRun {
  /** Its section holds the phase that a state is in: `beforeStep` samples a new one where one begins. */
  readonly carried: CarriedState;
  /** What the `auto`s of its own became. */
  readonly resolved: Readonly<Record<string, number>>;
  /** The replies of the phase that the state is in, in the order of `PhasePlan.prompts`, each as a unit. */
  units(state: TrainingState): readonly Unit[];
  /** What is known of the phase, to be reported with each of its steps. */
  metrics(state: TrainingState): Metrics;
  /** Why the run ends before the state's next step, or undefined. */
  stop(state: TrainingState, totalSteps: number): string | undefined;
  /** Steps between two measurements, where the job says so. */
  readonly measureEvery?: number | undefined;
  /** Measures the parameters on the prompts of the validation file. */
  measure(values: Moment["values"]): Promise<Metrics>;
  dispose(): Promise<void>;
}

/** The tools that an objective can use in the loop. */
export interface RunTools<Settings extends TrainingSettings = TrainingSettings> {
  readonly settings: Settings;
  readonly seed: number;
  readonly config: ModelConfig;
  /** The base's; read only. */
  readonly weights: Weights;
  readonly tokenizer: Tokenizer;
  /** The method with the objective's own parameters. */
  readonly method: AttachedMethod;
  /** Keeps what it compiles until the run ends, so programs need not be disposed. */
  readonly executor: Executor;
  /** The longest text, prompt and reply together, in tokens. */
  readonly maxLength: number;
  /**
   * The positions of a row, the method's prefix among them. Rollouts have a row each, so that a generator of this capacity
   * samples with the very bits that `logProbabilities` and the loss give for its texts.
   */
  readonly capacity: number;
  readonly yieldToEventLoop: RecipeContext["yieldToEventLoop"];
  /** The units or prompts that the plan assigns to a step, counted from 0. */
  readonly unitsOf: (step: number) => readonly Unit[];
  /** All units or prompts of the training file, and of the validation file; none without one. Without placeholders. */
  readonly training: readonly Unit[];
  readonly validation: readonly Unit[];
  /** The plan of a run in phases; undefined otherwise. */
  readonly phases: PhasePlan | undefined;
  /**
   * The log-probability of every trained token under these parameters, for each example of each unit: one number per id, 0 for
   * tokens that are not trained. No dropout.
   */
  readonly logProbabilities: (
    units: readonly Unit[],
    values: ReadonlyMap<string, Tensor>,
  ) => Promise<readonly (readonly Float32Array[])[]>;
  /** The same under the reference: the run's start with the delta off. */
  readonly referenceLogProbabilities: (units: readonly Unit[]) => Promise<readonly (readonly Float32Array[])[]>;
  /**
   * Compiles a reading of texts, which lasts for the whole run. `of`: the model with the parameters that are given, or the
   * reference, which has none of the objective's own and ignores them. No dropout.
   */
  readonly tokenReader: (options: {
    readonly name: string;
    readonly of: "policy" | "reference";
    readonly outputs: TokenOutputs;
  }) => TokenReader;
}

export interface OwnParameterOptions<Settings extends TrainingSettings> {
  readonly config: ModelConfig;
  readonly settings: Settings;
  readonly seed: number;
}

export interface OwnParameters {
  /** With names that neither the base nor the method uses. */
  readonly parameters: readonly Parameter[];
  readonly initial: ReadonlyMap<string, Tensor<"f32">>;
}

export interface ScorerOptions<Settings extends TrainingSettings> extends PublishedState<Settings> {
  readonly tools: RunTools<Settings>;
  readonly rows: RowOptions;
  /** The units of the training file, with placeholders. */
  readonly training: readonly Unit[];
  /** The units of the validation file, with placeholders; empty without one. */
  readonly validation: readonly Unit[];
}

export interface PublishedState<Settings extends TrainingSettings> extends OwnParameterOptions<Settings> {
  /** The parameters' values, including the objective's own. */
  readonly values: ReadonlyMap<string, Tensor<"f32">>;
}
