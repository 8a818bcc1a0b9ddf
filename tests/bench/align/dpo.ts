import { JOB_TYPES, type SettingsOf } from "../../../shared/api/methods.ts";
import { IGNORED_LABEL } from "../../../shared/model/chat-template.ts";
import type { ModelFiles } from "../../../shared/model/model-folder.ts";
import { tokensOf, type Unit } from "../../../trainer/data/units.ts";
import type { Executor } from "../../../trainer/engines/executor.ts";
import { dpo } from "../../../trainer/recipes/dpo.ts";
import { type PreparedRun, prepareRun } from "../../../trainer/recipes/prepare-run.ts";
import type { RecipeContext, RecipeJob } from "../../../trainer/recipes/recipe.ts";
import { runJob } from "../../../trainer/recipes/run-job.ts";
import { BENCH_CONTEXT } from "../bench-job.ts";
import type { Taken } from "../peer.ts";

/** Steps before the clock starts: both sides allocate and compile in the first. */
export const WARM_STEPS = 2;

export interface DpoOptions {
  readonly files: ModelFiles;
  readonly executor: Executor;
  /** A preference file. */
  readonly data: string;
  readonly steps: number;
  readonly batch: number;
  readonly learningRate: number;
  readonly lora: { readonly r: number; readonly lora_alpha: number };
}

/** A pair as trl has it. */
export interface PairIds {
  readonly prompt_ids: readonly number[];
  readonly chosen_ids: readonly number[];
  readonly rejected_ids: readonly number[];
}

export interface DpoTaken extends Taken {
  readonly losses: readonly number[];
}

/** A DPO job of this project on a base, as the trainer runs it. */
export class DpoSide {
  readonly #options: DpoOptions;
  readonly #job: RecipeJob<SettingsOf<"dpo">>;
  readonly run: PreparedRun;

  private constructor(options: DpoOptions, job: RecipeJob<SettingsOf<"dpo">>, run: PreparedRun) {
    this.#options = options;
    this.#job = job;
    this.run = run;
  }

  static async prepare(options: DpoOptions): Promise<DpoSide> {
    const job = jobOf(options);
    return new DpoSide(options, job, await prepareRun(dpo, job, contextOf(options.executor)));
  }

  /** The pairs in the order in which the steps take them. */
  get pairs(): PairIds[] {
    return this.#unitsOf(0, WARM_STEPS + this.#options.steps).map(({ examples: [chosen, rejected] }) => {
      const prompt = chosen!.labels.findIndex((label) => label !== IGNORED_LABEL);
      return {
        prompt_ids: [...chosen!.ids.subarray(0, prompt)],
        chosen_ids: [...chosen!.ids.subarray(prompt)],
        rejected_ids: [...rejected!.ids.subarray(prompt)],
      };
    });
  }

  /** Tokens of both texts of every pair that is measured, without padding. */
  get tokens(): number {
    return tokensOf(this.#unitsOf(WARM_STEPS, WARM_STEPS + this.#options.steps));
  }

  /** The whole job; the clock runs from the end of the last warm step to that of the last step. */
  async take(): Promise<DpoTaken> {
    let [start, cpu] = [0, process.cpuUsage()];
    let taken: Taken | undefined;
    const losses: number[] = [];
    await runJob(dpo, this.#job, {
      ...contextOf(this.#options.executor),
      event: ({ type, data }) => {
        if (type === "metrics")
          losses.push(Number((data as Record<string, number>).loss ?? (data as Record<string, number>).train_loss));
      },
      afterStep: async ({ step }) => {
        if (step === WARM_STEPS) [start, cpu] = [performance.now(), process.cpuUsage()];
        if (step !== WARM_STEPS + this.#options.steps) return;
        const { user, system } = process.cpuUsage(cpu);
        taken = { seconds: (performance.now() - start) / 1000, cpu: (user + system) / 1e6 };
      },
    });
    return { ...taken!, losses };
  }

  #unitsOf(first: number, end: number): Unit[] {
    const { plan, training } = this.run;
    const steps = Array.from({ length: end - first }, (_, i) => plan.groups(first + i).flat());
    return steps.flat().map((index) => training[index]!);
  }
}

function contextOf(executor: Executor): RecipeContext {
  return { ...BENCH_CONTEXT, executor, event: () => undefined, afterStep: async () => undefined };
}

function jobOf({ files, data, steps, batch, learningRate, lora }: DpoOptions): RecipeJob<SettingsOf<"dpo">> {
  const settings = JOB_TYPES.dpo.settings.parse({
    hyperparameters: {
      batch_size: batch,
      learning_rate: learningRate,
      lr_schedule: "constant",
      warmup_ratio: 0,
      max_steps: WARM_STEPS + steps,
      max_grad_norm: 1,
      beta: 0.1,
    },
    peft: { type: "lora", ...lora, lora_dropout: 0, target_modules: "all-linear" },
  });
  return {
    run: "bench",
    type: "dpo",
    settings,
    seed: 1,
    createdAt: 0,
    base: { id: "bench", digest: "0".repeat(64), files },
    training: { name: "pairs.jsonl", digest: "1".repeat(64), bytes: new TextEncoder().encode(data) },
    validation: null,
    checkpoint: null,
  };
}
