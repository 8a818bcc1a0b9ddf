import { REPORT_HTML, REPORT_JSON } from "../../shared/api/job-report.ts";
import { settingsPath } from "../../shared/api/methods.ts";
import { filtersOf, type SynthesizeSettings } from "../../shared/api/synthesize.ts";
import { LORA_DEFAULTS } from "../../shared/api/training-settings.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { grade } from "../../shared/graders/registry.ts";
import { observe } from "../../shared/graders/render.ts";
import { renderSynthesis } from "../../shared/report/synthesis.ts";
import type { FilterSettings } from "../../shared/synthesis/filters/registry.ts";
import { Pool } from "../../shared/synthesis/pool.ts";
import type { Shot } from "../../shared/synthesis/requests.ts";
import { overlapsOf, wordsOf } from "../../shared/synthesis/words.ts";
import { readProbes } from "../edits/edit-inputs.ts";
import { loadStartingModel, type StartingModel } from "./constitutional/starting-model.ts";
import type { RecipeContext, RecipeJob, UnpublishedOutcome } from "./recipe.ts";
import { decodeMaking, encodeMaking, type Making } from "./synthesize/checkpoint.ts";
import { synthesisFiles } from "./synthesize/files.ts";
import { type ChunkParts, makeChunk, type NamedShot } from "./synthesize/make-chunk.ts";
import { keptOf, type SynthesisRecord } from "./synthesize/records.ts";
import { reportMetrics, synthesisReport } from "./synthesize/report.ts";
import { readSeeds, readTexts } from "./synthesize/seeds.ts";
import { ownWriter, remoteWriter, type Writer } from "./synthesize/writer.ts";

type SynthesizeJob = RecipeJob<SynthesizeSettings>;

/** Instructions that are worked on together, and lost together if the job is killed. */
const CHUNK = 16;
/** Questions to the API that wait at the same time. */
const AT_ONCE = 4;

/**
 * Makes data from seeds: new instructions, after examples of others (Self-Instruct, Wang et al. 2023) or by rewriting them
 * (Evol-Instruct, Xu et al. 2023), then an output for each, and keeps what all filters pass. We deviate: classification tasks are not
 * treated apart, and an instruction is rewritten by one request, with examples for models that only continue texts.
 *
 * Publishes nothing: the examples, where each comes from, what was rejected and a report on the risks are files. A killed job resumes
 * from its last chunk and ends with the same bytes.
 *
 * Throws `invalid_dataset` for a file without a task, and `invalid_request` where the requests leave no room in the model's context.
 */
export async function synthesize(job: SynthesizeJob, context: RecipeContext): Promise<UnpublishedOutcome> {
  const { settings, seed } = job;
  const seeds = readSeeds(job.training);
  const evaluation = evaluationOf(job);
  const model = await loadStartingModel(
    { ...job, settings: { peft: LORA_DEFAULTS, hyperparameters: {} } },
    context,
    settingsPath(job),
  );
  try {
    const before: Making = job.checkpoint === null ? { chunks: 0, records: [] } : decodeMaking(job.checkpoint, job.run);
    const records = await makeAll(job, context, { model, before, seeds, evaluation: evaluation.grams });
    const { answerer = null, approach, templates } = settings;
    const about = { model: job.base.id, answerer };
    const files = synthesisFiles(records, { ...about, chat: model.hasChatTemplate, templates });
    for (const file of files) await context.keepFile(file);
    const report = await synthesisReport({
      ...{ ...about, created_at: job.createdAt, seed, approach, records, seeds },
      evaluation:
        job.validation === null
          ? null
          : {
              file: job.validation.name,
              n: settings.contamination_n,
              grams: evaluation.grams(settings.contamination_n),
            },
      facts: readProbes(job).facts,
      yieldToEventLoop: context.yieldToEventLoop,
    });
    const encode = (text: string) => new TextEncoder().encode(text);
    await context.keepFile({ name: REPORT_JSON, bytes: encode(`${JSON.stringify(report, null, 2)}\n`) });
    await context.keepFile({ name: REPORT_HTML, bytes: encode(renderSynthesis(report)) });
    const metrics = reportMetrics(report);
    const message = `${metrics.kept} of ${metrics.asked} examples were kept`;
    context.event({ level: metrics.kept === 0 ? "warn" : "info", type: "message", message, data: metrics });
    return { folder: null, metrics, trainedTokens: 0, hyperparameters: {} };
  } finally {
    await model.dispose();
  }
}

interface Surroundings {
  readonly model: StartingModel;
  readonly before: Making;
  readonly seeds: ReturnType<typeof readSeeds>;
  readonly evaluation: ChunkParts["evaluation"];
}

async function makeAll(
  job: SynthesizeJob,
  context: RecipeContext,
  around: Surroundings,
): Promise<readonly SynthesisRecord[]> {
  const { settings, seed, run } = job;
  const { rounds, per_round: perRound, max_kept: most = Number.POSITIVE_INFINITY } = settings;
  const chunksOfRound = Math.ceil(perRound / CHUNK);
  const seeds = around.seeds.map(
    (one): NamedShot => ({ id: `seed:${one.line}`, instruction: one.instruction, output: one.output }),
  );
  const pool = poolOf(seeds, around.before.records);
  const tools = toolsOf(job, context, around.model);
  let making = around.before;
  const isFull = () => keptOf(making.records).length >= most;
  for (let chunk = making.chunks; chunk < rounds * chunksOfRound && !isFull(); chunk++) {
    const round = Math.floor(chunk / chunksOfRound) + 1;
    const first = (chunk % chunksOfRound) * CHUNK;
    const made = namedOf(making.records.filter((record) => record.round < round));
    const last = namedOf(making.records.filter((record) => record.round === round - 1));
    const records = await makeChunk({
      ...{ settings, filters: tools.filters, seed, round, first, count: Math.min(CHUNK, perRound - first) },
      ...{ seeds, made, parents: last.length === 0 ? [...seeds, ...made] : last, pool },
      ...{ evaluation: around.evaluation, yieldToEventLoop: context.yieldToEventLoop },
      ...tools,
    });
    making = {
      chunks: chunk + 1,
      records: [...making.records, ...upTo(records, most - keptOf(making.records).length)],
    };
    if (chunk === 0) requireRoom(records, job);
    if (making.chunks % chunksOfRound === 0 || isFull()) tell(making.records, { round, rounds }, context);
    const reached = making;
    await context.afterStep({
      step: reached.chunks,
      totalSteps: rounds * chunksOfRound,
      trainedTokens: 0,
      state: () => encodeMaking(reached, run),
    });
  }
  return making.records;
}

/** The records until so many are kept. */
function upTo(records: readonly SynthesisRecord[], most: number): readonly SynthesisRecord[] {
  let left = most;
  const end = records.findIndex((record) => keptOf([record]).length === 1 && --left === 0);
  return end < 0 ? records : records.slice(0, end + 1);
}

/** What a chunk needs of the outside. */
function toolsOf(job: SynthesizeJob, { ask }: RecipeContext, model: StartingModel) {
  const { settings } = job;
  const filters: FilterSettings = filtersOf(settings);
  const own = ownWriter(model, settings);
  const at = `${settingsPath(job)}.answerer`;
  const answer: Writer =
    settings.answerer === undefined ? own : remoteWriter(ask, { ...settings, model: settings.answerer, at });
  return {
    filters,
    instruct: own,
    answer,
    async perplexities(examples: readonly Shot[]) {
      const style = settings.answers ?? settings.style;
      const { task, answer: label } = settings.templates;
      const prompts = examples.map(({ instruction }) => ({
        prompt:
          style === "chat" ? [{ role: "user" as const, content: instruction }] : `${task} ${instruction}\n${label}`,
      }));
      const outputs = examples.map(({ output }) => (style === "chat" ? output : ` ${output}`));
      const found = examples.length === 0 ? [] : await model.perplexities(prompts, outputs);
      return found.map((value) => value ?? undefined);
    },
    async grades(examples: readonly Shot[]) {
      const { grader } = filters.grade!;
      const grades: (number | null)[] = [];
      for (let from = 0; from < examples.length; from += AT_ONCE) {
        const some = examples.slice(from, from + AT_ONCE).map(async ({ instruction, output }) => {
          const observation = observe(output, { instruction });
          const { score, flaw } = await grade(grader, {
            observation,
            at: `${settingsPath(job)}.filters.grade.grader`,
            ask,
          });
          return flaw === undefined ? score : null;
        });
        grades.push(...(await Promise.all(some)));
      }
      return grades;
    },
  };
}

/** The pool as it was when these records had been made: also of instructions that were rejected with their outputs. */
function poolOf(seeds: readonly NamedShot[], records: readonly SynthesisRecord[]): Pool {
  const pool = new Pool();
  for (const { instruction } of seeds) pool.add(instruction);
  for (const { instruction, rejected, output } of records) {
    const passedAlone = instruction !== null && (rejected === null || output !== null || isUnanswered(rejected.filter));
    if (passedAlone) pool.add(instruction);
  }
  return pool;
}

const isUnanswered = (filter: string) => filter === "no_room" || filter === "unfinished" || filter === "failed";

function namedOf(records: readonly SynthesisRecord[]): NamedShot[] {
  return keptOf(records).map(({ id, instruction, output }) => ({ id, instruction, output }));
}

/** What of the validation file must not come back, made once for each n. */
function evaluationOf({ validation }: SynthesizeJob): { readonly grams: ChunkParts["evaluation"] } {
  const texts = validation === null ? [] : readTexts(validation).map(wordsOf);
  const made = new Map<number, ReadonlySet<string>>();
  return {
    grams(n) {
      const known = made.get(n) ?? new Set(texts.flatMap((words) => overlapsOf(words, n)));
      made.set(n, known);
      return known;
    },
  };
}

/** Throws `invalid_request` where no request leaves room for a text. */
function requireRoom(records: readonly SynthesisRecord[], job: SynthesizeJob): void {
  if (records.length === 0 || records.some(({ rejected }) => rejected?.filter !== "no_room")) return;
  const path = settingsPath(job);
  const message = `\`${path}.shots\`: ${job.settings.shots} examples and ${job.settings.max_tokens} tokens of text do not fit into the model's context. Lower \`${path}.shots\` or \`${path}.max_tokens\`.`;
  throw new TrimtabError("invalid_request", message, { param: `${path}.shots` });
}

function tell(
  records: readonly SynthesisRecord[],
  { round, rounds }: { readonly round: number; readonly rounds: number },
  { event }: RecipeContext,
): void {
  const own = records.filter((record) => record.round === round);
  const [kept, all] = [keptOf(own).length, keptOf(records).length];
  const data = { step: round, total_steps: rounds, asked: own.length, kept, kept_in_all: all };
  const message = `Round ${round} of ${rounds}: ${kept} of ${own.length} examples kept, ${all} in all`;
  event({ level: "info", type: "metrics", message, data });
}
