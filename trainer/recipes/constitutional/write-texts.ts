/** The first part of a job: writing, judging and revising, chunk by chunk. */

import { type ConstitutionalSettings, modelsOfJudge } from "../../../shared/api/constitutional.ts";
import type { InlineConstitution } from "../../../shared/api/constitutions.ts";
import { settingsPath } from "../../../shared/api/methods.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { LIMITS } from "../../../shared/limits.ts";
import type { RecipeContext, RecipeJob } from "../recipe.ts";
import { encodeState, type Writing } from "./checkpoint.ts";
import { graderScore, type ModelJudge, ownJudge, remoteJudge, requireReadable } from "./judges.ts";
import { graderLabeller, labelChunk, modelLabeller } from "./label.ts";
import { readPrompts } from "./prompts.ts";
import { addCounts, type JobRecord, type PlacedPrompt } from "./records.ts";
import { type ChunkOptions, graderReviser, modelReviser, reviseChunk, type Work } from "./revise.ts";
import { loadStartingModel, type StartingModel } from "./starting-model.ts";

/** Prompts that are worked on together, and lost together if the job is killed: few where others are asked about them. */
const CHUNK = 16;
const ASKED_CHUNK = 4;
/** What is reported of the progress, at most. */
const REPORTS = 20;
const CANDIDATES = 4;
const MAX_TOKENS = 256;

export interface TextJob extends RecipeJob<ConstitutionalSettings> {
  readonly constitution: InlineConstitution;
}

/** Every prompt of the job's files. Throws `invalid_file`. */
export function promptsOf({ training, validation }: Pick<TextJob, "training" | "validation">): PlacedPrompt[] {
  const placed = (part: PlacedPrompt["part"], dataset: TextJob["validation"]) =>
    dataset === null ? [] : readPrompts(dataset).map((asked) => ({ ...asked, part }));
  return [...placed("training", training), ...placed("validation", validation)];
}

/**
 * Goes on from `before` to the last chunk. A killed job resumed from its state writes the same texts, and asks a judge nothing
 * again that the state has.
 *
 * @throws TrimtabError invalid_request once too many of the judge's answers are unusable
 */
export async function writeTexts(job: TextJob, context: RecipeContext, before: Writing): Promise<Writing> {
  const prompts = promptsOf(job);
  const size = modelsOfJudge(job.settings).length === 0 ? CHUNK : ASKED_CHUNK;
  const total = Math.ceil(prompts.length / size);
  if (before.chunks === total) return before;
  const { settings } = job;
  requireFew(prompts.length, settings);
  const limit = { share: settings.max_unreadable, param: `${settingsPath(job)}.judge` };
  const model = await loadStartingModel(job, context, settingsPath(job));
  let writing = before;
  try {
    const work = worker(job, context, model);
    while (writing.chunks < total) {
      const { chunks } = writing;
      const { records, judged } = await work(prompts.slice(size * chunks, size * (chunks + 1)), chunks);
      writing = {
        chunks: chunks + 1,
        records: [...writing.records, ...records],
        judged: addCounts(writing.judged, judged),
      };
      requireReadable(writing.judged, { ...limit, isLast: writing.chunks === total });
      tell(writing, { done: Math.min(size * writing.chunks, prompts.length), prompts: prompts.length, total }, context);
      const reached = writing;
      await context.afterStep({
        step: reached.chunks,
        // The training's steps are only known once its data is.
        totalSteps: total + (settings.hyperparameters.max_steps ?? 0),
        trainedTokens: 0,
        state: () => encodeState({ ...reached, training: null }, job.run),
      });
    }
    return writing;
  } finally {
    await model.dispose();
  }
}

/** How many replies there are to a prompt, and how many texts are written on each. */
function textsOf({ mode, judge, samples, rounds = 1, candidates = CANDIDATES }: ConstitutionalSettings) {
  if (mode !== "revise") return { replies: samples ?? 2, texts: 1 };
  return { replies: samples ?? 1, texts: 1 + rounds * (judge.type === "grader" ? candidates : 2) };
}

/** Throws `invalid_request` for more texts than the job's checkpoints can hold. */
function requireFew(prompts: number, settings: ConstitutionalSettings): void {
  const { replies, texts } = textsOf(settings);
  const all = prompts * replies * texts;
  if (all <= LIMITS.constitutionalTexts) return;
  const message = `\`training_file\`: the job would write ${all} texts, ${texts} on each of ${replies} replies to ${prompts} prompts, and at most ${LIMITS.constitutionalTexts} are written. Use fewer prompts, samples, rounds or candidates.`;
  throw new TrimtabError("invalid_request", message, { param: "training_file" });
}

function tell(
  { chunks }: Writing,
  { done, prompts, total }: { readonly done: number; readonly prompts: number; readonly total: number },
  { event }: RecipeContext,
): void {
  const every = Math.ceil(total / REPORTS);
  if (chunks % every !== 0 && chunks !== total) return;
  const message = `Replies to ${done} of ${prompts} prompts written and judged`;
  event({ level: "info", type: "message", message, data: { done, total: prompts } });
}

/** The work on one chunk, by the job's mode and judge. */
function worker(
  { settings, seed, constitution, ...job }: TextJob,
  { ask }: RecipeContext,
  model: StartingModel,
): (prompts: readonly PlacedPrompt[], chunk: number) => Promise<Work<JobRecord>> {
  const {
    mode,
    judge,
    temperature,
    top_p: topP,
    candidates = CANDIDATES,
    rounds = 1,
    min_margin: minMargin,
  } = settings;
  const maxTokens = settings.max_tokens ?? Math.min(MAX_TOKENS, Math.floor(model.maxLength / 2));
  const { replies: samples } = textsOf(settings);
  const at = `${settingsPath(job)}.judge`;
  const writing = { temperature, topP, maxTokens };
  const asModel = (name: string | undefined): ModelJudge =>
    name === undefined ? ownJudge(model, writing) : remoteJudge(ask, { ...writing, model: name, at });
  return (prompts, chunk) => {
    const options: ChunkOptions = {
      model,
      constitution,
      sampling: { samples, maxTokens, temperature, topP },
      seed,
      chunk,
    };
    if (mode === "revise") {
      const revise =
        judge.type === "model"
          ? modelReviser(asModel(judge.model), options)
          : graderReviser(graderScore(judge.grader, `${at}.grader`, ask), { ...options, candidates });
      return reviseChunk(prompts, { ...options, rounds, revise });
    }
    const label =
      judge.type === "model"
        ? modelLabeller(asModel(judge.model), { constitution, minMargin })
        : graderLabeller(graderScore(judge.grader, `${at}.grader`, ask));
    return labelChunk(prompts, { ...options, label });
  };
}
