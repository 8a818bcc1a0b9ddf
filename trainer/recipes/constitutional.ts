import {
  CONSTITUTIONAL_MODES,
  type ConstitutionalMode,
  type ConstitutionalSettings,
} from "../../shared/api/constitutional.ts";
import { JOB_TYPES, settingsPath } from "../../shared/api/methods.ts";
import { REPORT_DEFAULTS } from "../../shared/api/report-settings.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { sha256Hex } from "../../shared/formats/digest.ts";
import { decodeState, encodeState, type JobState, type Writing } from "./constitutional/checkpoint.ts";
import { inParts, keptFiles, trainingFile, trainingLines } from "./constitutional/files.ts";
import { NO_ANSWERS, type Part } from "./constitutional/records.ts";
import { summary } from "./constitutional/summary.ts";
import { promptsOf, type TextJob, writeTexts } from "./constitutional/write-texts.ts";
import type { Dataset, Recipe, RecipeContext, RecipeJob } from "./recipe.ts";

/**
 * Constitutional AI (Bai et al. 2022) on a file of prompts. First the model that the job starts from writes replies, and a judge
 * criticises and revises them or says which of two is better; then a type of job that there is already trains on what came of it:
 * `supervised` on the last revisions, `dpo` on the preferences. We deviate: a grader can be the judge, a revision then being the best of
 * several replies; and a label is the mean over both orders of showing two replies.
 *
 * Everything written and judged is kept as files. A killed job resumes from its last chunk of prompts, or its last step of training,
 * and ends with the same bytes.
 *
 * Throws `invalid_request` for a judge whose answers are of no use, `invalid_dataset` where nothing is left to train on, and what the
 * trained type throws.
 *
 * @param train the recipe of each mode
 */
export function constitutional(train: Readonly<Record<ConstitutionalMode, Recipe>>): Recipe {
  return async (given, context) => {
    const job = withCopy(given as RecipeJob<ConstitutionalSettings>);
    const { mode } = job.settings;
    const state: JobState =
      job.checkpoint === null
        ? { chunks: 0, records: [], judged: NO_ANSWERS, training: null }
        : decodeState(job.checkpoint, job.run);
    const writing = await writeTexts(job, context, state);
    for (const file of keptFiles(writing.records).flatMap((whole) => inParts(whole))) await context.keepFile(file);
    const { metrics, message, isShort } = summary(writing, { mode, prompts: promptsOf(job).length });
    context.event({ level: isShort ? "warn" : "info", type: "message", message, data: metrics });
    const training = await dataset(job, writing, "training");
    const validation = job.validation === null ? null : await dataset(job, writing, "validation");
    // The digests that the result's manifest names are of these.
    for (const made of [training, validation]) {
      for (const file of made === null ? [] : inParts(made)) await context.keepFile(file);
    }
    const settings = trainingSettings(job.settings);
    const trained = { ...job, settings, training, validation, checkpoint: state.training };
    const outcome = await train[mode](trained, behind(writing, job, context));
    return { ...outcome, metrics: { ...metrics, ...outcome.metrics } };
  };
}

function withCopy(job: RecipeJob<ConstitutionalSettings>): TextJob {
  const { constitution } = job.settings;
  if (typeof constitution !== "string") return { ...job, constitution };
  const param = `${settingsPath(job)}.constitution`;
  const message = `\`${param}\` is the name of a constitution, ${constitution}, and the job has no copy of it. Create the job again.`;
  throw new TrimtabError("invalid_request", message, { param });
}

/** The settings of the type that trains, and of its report, in which a grader judges what it has judged before. */
function trainingSettings({ mode, hyperparameters, peft, report = REPORT_DEFAULTS, judge }: ConstitutionalSettings) {
  const own = JOB_TYPES[CONSTITUTIONAL_MODES[mode]].settings.parse({ hyperparameters, peft });
  const judged = judge.type === "grader" ? { judge: judge.grader } : {};
  return { ...own, report: { ...judged, ...report } };
}

/** What came of a part's prompts, as a file to train on. Throws `invalid_dataset` if that is nothing. */
async function dataset(job: TextJob, { records, judged }: Writing, part: Part): Promise<Dataset> {
  const { mode } = job.settings;
  const lines = trainingLines(records, part);
  if (lines.length === 0) {
    const prompts = promptsOf(job).filter((prompt) => prompt.part === part).length;
    const own = records.filter((record) => record.part === part);
    const { message } = summary({ records: own, judged }, { mode, prompts });
    const param = `${part}_file`;
    throw new TrimtabError("invalid_dataset", `\`${param}\`: there is nothing to train on: ${message}.`, { param });
  }
  const bytes = trainingFile(lines);
  return { name: `${part}.jsonl`, digest: await sha256Hex(bytes), bytes };
}

/** The training's context, with its steps and its state behind what was written. */
function behind(writing: Writing, { run }: TextJob, context: RecipeContext): RecipeContext {
  return {
    ...context,
    afterStep: ({ step, totalSteps, trainedTokens, state }) =>
      context.afterStep({
        step: writing.chunks + step,
        totalSteps: writing.chunks + totalSteps,
        trainedTokens,
        state: () => encodeState({ ...writing, training: state() }, run),
      }),
  };
}
