import type { TrainingSettings } from "../../shared/api/methods.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import type { Tokenizer } from "../../shared/model/tokenizer.ts";
import type { Weights } from "../../shared/model/weights.ts";
import type { AttachedMethod, Parameter } from "../../shared/peft/method.ts";
import type { Tensor } from "../../shared/tensor.ts";
import type { UnitLine } from "../data/examples.ts";
import type { Unit, UnitForm } from "../data/units.ts";
import type { Executor } from "../engines/executor.ts";
import type { CarriedState } from "../loop/carried-state.ts";
import type { TrainingState } from "../loop/training-state.ts";
import type { LossContext, LossGraph } from "./loss-context.ts";
import type { Dataset, RecipeContext } from "./recipe.ts";
import type { ResultFolder } from "./result.ts";

/**
 * What a kind of training optimises. An objective is one file and one row of the registry; `runJob` does the rest: it reads
 * and checks the data, resolves hyperparameters, builds and compiles the graphs, trains, measures, checkpoints, publishes
 * and reports. Everything here is a pure function of its arguments, so that a run can be resumed at any step.
 */
export interface Objective<Settings extends TrainingSettings = TrainingSettings> {
  /** What its units look like, and the columns that its graph reads beside the tokens. */
  form(settings: Settings): UnitForm;
  /**
   * The lines of a file, training or validation, as the examples of units. Throws `invalid_file` with the line's number, the
   * field and what to change.
   */
  lines(dataset: Dataset, settings: Settings): Iterable<UnitLine>;
  /** Adds the loss of a micro-batch to its graph, with what is reported beside it. */
  loss(context: LossContext, settings: Settings): LossGraph;
  /**
   * `base`: the log-probability of every trained token under the same weights with the delta off. It is computed once before
   * the first step, for rollouts when they are made, and is the token column `REFERENCE`.
   */
  readonly reference?: "base";
  /** The lines are prompts, and the run makes its units from them; left out where the file holds what is trained on. */
  readonly rollouts?: Rollouts<Settings>;
  /**
   * Columns that depend on the current state, such as a KL estimate over the step: called once before the first step, and what
   * it gives with the units of every step before its batches are made. Left out where the units stay as they are.
   */
  refresh?(tools: RunTools<Settings>): UnitRefresher | Promise<UnitRefresher>;
  /** What it carries from step to step beside the parameters. */
  carried?(tools: RunTools<Settings>): CarriedState;
  /** Parameters of its own beside the method's, such as a head; the loss reads them with `LossContext.parameter`. */
  parameters?(options: OwnParameterOptions<Settings>): OwnParameters;
  /** The result with what the objective adds to it, such as the files of its own parameters. Equal arguments, equal bytes. */
  publish?(folder: ResultFolder, options: PublishedState<Settings>): ResultFolder | Promise<ResultFolder>;
  /** The peak learning rate that `auto` takes, as a multiple of supervised training's; 1 when left out. */
  readonly learningRate?: number;
}

/** The token column of the reference's log-probabilities: 0 where nothing is trained. */
export const REFERENCE = "reference";

/** Units that are made in the loop, from the current state. */
export interface Rollouts<Settings extends TrainingSettings> {
  /**
   * The most tokens that each example of a prompt's unit will have, the prompt included; none above `limit`. The batch's
   * shape is chosen for them.
   */
  lengths(prompt: Unit, options: { readonly settings: Settings; readonly limit: number }): readonly number[];
  /** Called once before the first step; what it builds and compiles is for the whole run. */
  start(tools: RunTools<Settings>): RolloutSampler | Promise<RolloutSampler>;
}

/**
 * A unit for each prompt, in order. Random numbers come from a stream that names the seed and the step, so that a resumed run
 * makes the same ones.
 */
export type RolloutSampler = (options: RolloutOptions) => Promise<readonly Unit[]>;

/** The same units in order, with further columns. Pure, as a `RolloutSampler` is. */
export type UnitRefresher = (options: Moment & { readonly units: readonly Unit[] }) => Promise<readonly Unit[]>;

/** When units are made or refreshed, and what for. */
export interface Moment {
  /** The state before the step; its sections are the objective's. */
  readonly state: TrainingState;
  /** The state's parameters. */
  readonly values: ReadonlyMap<string, Tensor>;
  readonly purpose: "training" | "validation";
}

export interface RolloutOptions extends Moment {
  /** Each has one example, without labels: what comes before the reply. */
  readonly prompts: readonly Unit[];
}

/** What an objective can use inside the loop. */
export interface RunTools<Settings extends TrainingSettings = TrainingSettings> {
  readonly settings: Settings;
  readonly seed: number;
  readonly config: ModelConfig;
  /** The base's; only read. */
  readonly weights: Weights;
  readonly tokenizer: Tokenizer;
  /** The method with the objective's own parameters. */
  readonly method: AttachedMethod;
  /** Keeps what it compiles until the run ends: a program need not be disposed of. */
  readonly executor: Executor;
  /** The longest text in tokens, prompt and reply together. */
  readonly maxLength: number;
  readonly yieldToEventLoop: RecipeContext["yieldToEventLoop"];
  /** The units, or the prompts, that the plan has for a step, counted from 0. */
  readonly unitsOf: (step: number) => readonly Unit[];
  /**
   * The log-probability of every trained token under these parameters, for each example of each unit: one number for each id,
   * 0 where nothing is trained. No dropout.
   */
  readonly logProbabilities: (
    units: readonly Unit[],
    values: ReadonlyMap<string, Tensor>,
  ) => Promise<readonly (readonly Float32Array[])[]>;
}

export interface OwnParameterOptions<Settings extends TrainingSettings> {
  readonly config: ModelConfig;
  readonly settings: Settings;
  readonly seed: number;
}

export interface OwnParameters {
  /** Names that neither the base nor the method has. */
  readonly parameters: readonly Parameter[];
  readonly initial: ReadonlyMap<string, Tensor<"f32">>;
}

export interface PublishedState<Settings extends TrainingSettings> extends OwnParameterOptions<Settings> {
  /** The parameters' values, the objective's own among them. */
  readonly values: ReadonlyMap<string, Tensor<"f32">>;
}
