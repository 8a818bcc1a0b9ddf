import type { Graph } from "../../../shared/graph/graph.ts";
import { loadModelFolder } from "../../../shared/model/model-folder.ts";
import { attachMethods } from "../../../shared/peft/combine.ts";
import type { PeftChoice } from "../../../shared/peft/presets.ts";
import type { Tensor } from "../../../shared/tensor.ts";
import { createStepPlan } from "../../../trainer/data/step-plan.ts";
import type { Executor, Program } from "../../../trainer/engines/executor.ts";
import { decodeCheckpoint } from "../../../trainer/loop/checkpoint.ts";
import { parameterValues } from "../../../trainer/loop/training-state.ts";
import type { BaseFolder, Progress, RecipeOutcome } from "../../../trainer/recipes/recipe.ts";
import { RECIPES } from "../../../trainer/recipes/registry.ts";
import { NO_METHOD } from "../../support/peft.ts";
import { BENCH_CONTEXT, benchJob, RUN } from "../bench-job.ts";
import { peakMemory } from "../machine.ts";
import { measureQuality, type Quality } from "./measure.ts";
import { BATCH_SIZE, examplesOf, SEED, sailor } from "./task.ts";

/** Timing of one step. */
export interface TimedStep {
  readonly milliseconds: number;
  /** Milliseconds of processor time, summed over threads. */
  readonly processor: number;
  /** Tokens of the step's texts, without placeholders and padding. */
  readonly tokens: number;
  /** Runs of the training graph. */
  readonly microBatches: number;
}

export interface Round {
  readonly steps: readonly TimedStep[];
  /** Loss of the last step. */
  readonly loss: number;
  /** Peak memory of the process so far, in bytes. */
  readonly peakBytes: number;
}

export interface Finished extends Quality {
  /** Files of the published delta or model. */
  readonly publishedBytes: number;
  readonly learningRate: number;
  /** Rows of a micro-batch, and tokens of a row. */
  readonly shape: { readonly rows: number; readonly tokens: number };
}

export interface TraineeOptions {
  readonly executor: Executor;
  readonly base: BaseFolder;
  /** null for the unchanged base. */
  readonly peft: PeftChoice | null;
  readonly totalSteps: number;
  /** How many questions and documents to measure at the end; defaults to all. */
  readonly samples?: number | undefined;
}

/** The recipes' name for the graph of a micro-batch. */
const TRAINING_GRAPH = "training_step";

/** Elapsed and processor time of this process, in milliseconds. */
function now(): { wall: number; processor: number } {
  const { user, system } = process.cpuUsage();
  return { wall: performance.now(), processor: (user + system) / 1000 };
}

/**
 * One contender's training, by the same recipe as a job. It pauses between the requested rounds, so that contenders can take
 * turns.
 */
export class Trainee {
  readonly #options: TraineeOptions;
  readonly #tokensOfStep: readonly number[];
  #outcome: Promise<RecipeOutcome> | undefined;
  #started: Readonly<Record<string, unknown>> = {};
  #end: Uint8Array | undefined;
  /** The steps left in the round, the timings so far, and the promise to settle. */
  #left = 0;
  #steps: TimedStep[] = [];
  #microBatches = 0;
  #loss = Number.NaN;
  #since = now();
  #roundOver: (round: Round) => void = () => {};
  #resume: () => void = () => {};

  private constructor(options: TraineeOptions, tokensOfStep: readonly number[]) {
    this.#options = options;
    this.#tokensOfStep = tokensOfStep;
  }

  static async create(options: TraineeOptions): Promise<Trainee> {
    const { tokenizer, weights } = loadModelFolder(options.base.files);
    // Read here, so that the process without training has the same starting memory as the others.
    for (const _ of weights.values());
    const examples = await examplesOf(await sailor("training"), tokenizer);
    const plan = createStepPlan({ examples: examples.length, batchSize: BATCH_SIZE, accumulation: 1, seed: SEED });
    const tokensOf = (step: number) =>
      plan
        .groups(step)
        .flat()
        .reduce((sum, index) => sum + examples[index]!.ids.length, 0);
    return new Trainee(
      options,
      Array.from({ length: options.totalSteps }, (_, step) => tokensOf(step)),
    );
  }

  /** Runs the next `count` steps. Throws if fewer are left. */
  async train(count: number): Promise<Round> {
    this.#left = count;
    this.#steps = [];
    const over = new Promise<Round>((resolve) => {
      this.#roundOver = resolve;
    });
    this.#since = now();
    this.#resume();
    this.#outcome ??= this.#run();
    return Promise.race([over, this.#outcome.then((): never => this.#tooLong())]);
  }

  /** The result of the run, after the last round. */
  async finish(): Promise<Finished> {
    const { executor, base, peft, samples } = this.#options;
    if (peft === null) {
      const quality = await measureQuality({ executor, base, method: NO_METHOD, values: new Map(), samples });
      return { ...quality, publishedBytes: 0, learningRate: 0, shape: { rows: 0, tokens: 0 } };
    }
    this.#resume();
    const outcome = await this.#outcome!;
    const { config, weights, tokenizer } = loadModelFolder(base.files);
    const encode = (text: string) => tokenizer.encode(text);
    const method = attachMethods({ config, weights, settings: peft, seed: SEED, encode, param: "peft" });
    const state = decodeCheckpoint(this.#end!, {
      run: RUN,
      parameters: method.parameters,
      memory: method.afterStep?.memory,
    });
    const values: ReadonlyMap<string, Tensor> = parameterValues(state, method.parameters);
    const files = [...outcome.folder.files.values()];
    return {
      ...(await measureQuality({ executor, base, method, values, samples })),
      publishedBytes: files.reduce((sum, { byteLength }) => sum + byteLength, 0),
      learningRate: Number(outcome.hyperparameters.learning_rate),
      shape: { rows: Number(this.#started.rows), tokens: Number(this.#started.row_tokens) },
    };
  }

  async #run(): Promise<RecipeOutcome> {
    const { executor, base, peft, totalSteps } = this.#options;
    const job = benchJob({
      seed: SEED,
      base,
      training: await sailor("training"),
      hyperparameters: { batch_size: BATCH_SIZE, max_steps: totalSteps },
      peft: peft!,
    });
    return RECIPES.supervised(job, {
      ...BENCH_CONTEXT,
      executor: {
        ...executor,
        compile: async (graph, settings) => this.#counted(graph, await executor.compile(graph, settings)),
      },
      event: ({ data }) => {
        if (data?.row_tokens !== undefined) this.#started = data;
        if (data?.loss !== undefined) this.#loss = Number(data.loss);
      },
      afterStep: (progress) => this.#afterStep(progress),
    });
  }

  #counted({ name }: Graph, program: Program): Program {
    if (name !== TRAINING_GRAPH) return program;
    const run: Program["run"] = (...given) => {
      this.#microBatches += 1;
      return program.run(...given);
    };
    return { run, hold: (values) => program.hold(values), dispose: () => program.dispose() };
  }

  async #afterStep({ step, totalSteps, state }: Progress): Promise<void> {
    const { wall, processor } = now();
    this.#steps.push({
      milliseconds: wall - this.#since.wall,
      processor: processor - this.#since.processor,
      tokens: this.#tokensOfStep[step - 1]!,
      microBatches: this.#microBatches,
    });
    this.#microBatches = 0;
    this.#left -= 1;
    if (this.#left === 0) {
      const resumed = new Promise<void>((resolve) => {
        this.#resume = resolve;
      });
      const peakBytes = peakMemory();
      if (step === totalSteps) this.#end = state();
      this.#roundOver({ steps: this.#steps, loss: this.#loss, peakBytes });
      await resumed;
    }
    this.#since = now();
  }

  #tooLong(): never {
    throw new Error(`The run ends before this round: it has ${this.#options.totalSteps} steps.`);
  }
}
