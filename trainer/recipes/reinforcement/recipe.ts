import { type SettingsOf, settingsPath } from "../../../shared/api/methods.ts";
import { type PromptLine, parsePrompts } from "../../../shared/data/prompt-line.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { loadModelFolder, readModelJson } from "../../../shared/model/model-folder.ts";
import { checkRewardItems, createReward } from "../../rewards/registry.ts";
import { grpo } from "../grpo.ts";
import type { Objective } from "../objective.ts";
import type { Dataset, Recipe, RecipeContext, RecipeJob } from "../recipe.ts";
import { alignmentReport } from "../report/alignment-report.ts";
import { judgeOfRewards } from "../report/run-judge.ts";
import { runJob } from "../run-job.ts";
import type { RunHooks } from "../trained-run.ts";
import type { Algorithm } from "./algorithm.ts";
import { endTokens } from "./end-tokens.ts";
import { PHASE_COLUMNS, VALUE_COLUMNS } from "./loss.ts";
import { createPhaseRun } from "./phase-run.ts";
import { phaseShape, type ReinforcementSettings, replyTokens, resolved } from "./settings.ts";
import { valueHead } from "./value-head.ts";

/** The unit column by which a prompt is told from others: its line. */
const LINE = "line";

/** The recipe of an algorithm: reads prompts, checks that rewards fit them, and trains on what the model answers. */
export function reinforcementRecipe<S extends ReinforcementSettings>(algorithm: Algorithm<S>): Recipe {
  return async (given, context) => {
    const job = withNumbers(given as RecipeJob<S>);
    const objective = await reinforcementObjective(algorithm, { job, context, rewardField: "reward" });
    return runJob(objective, job, context, reportOf("reward"));
  };
}

/** OpenAI's `reinforcement`: GRPO with the grader as its reward. */
export const reinforcement: Recipe = async (given, context) => {
  const { settings } = given as RecipeJob<SettingsOf<"reinforcement">>;
  const { grader, response_format: _, ...others } = settings;
  const job = withNumbers({ ...given, settings: { ...others, reward: { type: "grader" as const, grader } } });
  const objective = await reinforcementObjective(grpo as Algorithm<typeof job.settings>, {
    ...{ job, context, rewardField: "grader" },
  });
  return runJob(objective, job, context, reportOf("grader"));
};

function reportOf<S extends ReinforcementSettings>(rewardField: ObjectiveOptions<S>["rewardField"]): RunHooks<S> {
  return alignmentReport({
    lines: "prompts",
    judge: (trained) => judgeOfRewards(trained, rewardParamOf(trained.job, rewardField)),
  });
}

/** Where a job's reward is in its request, without the `grader` below which its grader is. */
function rewardParamOf(job: Pick<RecipeJob, "type">, rewardField: "reward" | "grader"): string {
  return rewardField === "reward" ? `${settingsPath(job)}.reward` : settingsPath(job);
}

function withNumbers<S extends ReinforcementSettings>(job: RecipeJob<S>): RecipeJob<S> {
  const files = job.parent?.kind === "model" ? job.parent.files : job.base.files;
  const { maxPositions } = parseModelConfig(readModelJson(files, "config.json"));
  return { ...job, settings: resolved(job.settings, maxPositions) };
}

export interface ObjectiveOptions<S extends ReinforcementSettings> {
  /** With resolved settings. */
  readonly job: RecipeJob<S>;
  readonly context: RecipeContext;
  /** The field of the request that holds the reward; `grader` where it is a grader by itself. */
  readonly rewardField: "reward" | "grader";
}

/** The objective of one job, whose settings are resolved. Throws `invalid_file` for a line that is no prompt or that a reward does not fit. */
export async function reinforcementObjective<S extends ReinforcementSettings>(
  algorithm: Algorithm<S>,
  { job, context, rewardField }: ObjectiveOptions<S>,
): Promise<Objective<S>> {
  const path = settingsPath(job);
  const rewardParam = rewardParamOf(job, rewardField);
  const { reward, gold } = job.settings;
  if (gold !== undefined && job.validation === null) {
    throw new TrimtabError(
      "invalid_request",
      `\`${path}.gold\` is measured on the validation file. Send a \`validation_file\` of prompts, or leave \`gold\` out.`,
      { param: `${path}.gold` },
    );
  }
  const files = { training: await read(job.training), validation: job.validation && (await read(job.validation)) };

  async function read(dataset: Dataset): Promise<ReadonlyMap<number, PromptLine>> {
    const lines = new Map([...parsePrompts(dataset.bytes, dataset)].map((line) => [line.line, line]));
    for (const { line, item } of lines.values()) {
      const place = { item, line, name: dataset.name };
      await checkRewardItems({ reward, param: rewardParam }, place);
      if (gold !== undefined) await checkRewardItems({ reward: gold, param: `${path}.gold` }, place);
      await context.yieldToEventLoop();
    }
    return lines;
  }

  return {
    form: () => ({
      examples: 1,
      columns: { ...PHASE_COLUMNS, ...(algorithm.hasValues === true ? VALUE_COLUMNS : {}) },
    }),
    *lines(dataset) {
      const lines = dataset === job.validation ? files.validation! : files.training;
      for (const { line, example } of lines.values()) yield { line, examples: [example], columns: { [LINE]: line } };
    },
    loss: (graph, settings) => algorithm.loss(graph, settings),
    ...(algorithm.hasValues === true ? { parameters: ({ config }) => valueHead(config) } : {}),
    learningRate: 1,
    phases: {
      shape: phaseShape,
      replyTokens,
      start(tools) {
        // Reward models judge texts of the bare base, whatever the run continues from.
        const { config, weights } = job.parent === undefined ? tools : loadModelFolder(job.base.files);
        const { executor, tokenizer, maxLength, yieldToEventLoop } = tools;
        const source = (setting: typeof reward, param: string) =>
          createReward(
            { reward: setting, param },
            {
              ...{ config, weights, tokenizer, executor, maxLength, yieldToEventLoop, digest: job.base.digest },
              ...{ models: job.models ?? new Map(), ask: context.ask },
            },
          );
        const validation = new Set(tools.validation);
        const model = job.parent?.kind === "model" ? job.parent.files : job.base.files;
        return createPhaseRun({
          ...{ algorithm, tools, path, rewardField, executor: context.executor },
          endTokens: endTokens(model, {
            tokenizer: tools.tokenizer,
            vocabSize: tools.config.vocabSize,
            isChat: [...files.training.values()].some(({ example }) => example.kind === "chat"),
          }),
          lineOf: (prompt) => {
            const lines = validation.has(prompt) ? files.validation! : files.training;
            return lines.get(prompt.columns![LINE]!)!;
          },
          warn: (message) => context.event({ level: "warn", message, type: "message", data: null }),
          reward: source(reward, rewardParam),
          gold: gold && source(gold, `${path}.gold`),
        });
      },
    },
  };
}
