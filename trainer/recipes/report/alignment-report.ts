/** The report at the end of a job that learns from preferences or rewards. */
import type { JobReport } from "../../../shared/api/job-report.ts";
import type { TrainingSettings } from "../../../shared/api/methods.ts";
import { REPORT_DEFAULTS, type ReportSettings } from "../../../shared/api/report-settings.ts";
import { messageOf } from "../../../shared/errors.ts";
import {
  type EvaluationProbes,
  NO_PROBES,
  PROBES_BYTES,
  PROBES_FILE,
  parseProbes,
} from "../../../shared/evaluation/probes.ts";
import { readGenerationConfig } from "../../../shared/model/generation-config.ts";
import { readModelJson } from "../../../shared/model/model-folder.ts";
import type { Judge } from "../../report/judge.ts";
import { measureReport, reportFiles, reportWithoutReplies } from "../../report/measure-report.ts";
import { chooseQuestions } from "../../report/questions.ts";
import { READ_BYTES, readTrainedTexts } from "../../report/trained-texts.ts";
import { baseAlone } from "../base-alone.ts";
import type { Dataset } from "../recipe.ts";
import type { RunHooks, TrainedRun } from "../trained-run.ts";
import { type LineContents, readReportData, templateOf } from "./report-data.ts";
import { judgeOfSettings } from "./run-judge.ts";
import { openRunSubject } from "./run-subject.ts";

/** Settings of a type whose jobs end with a report. */
export interface ReportedSettings extends TrainingSettings {
  /** What is left out stands for the defaults. */
  readonly report?: Partial<ReportSettings> | undefined;
}

export interface AlignmentReportOptions<S extends ReportedSettings> {
  /**
   * What a line holds: a better completion and a worse one behind their prompt, a completion (or another pair, whose first example
   * it is), or a prompt alone. `none` for a model that writes no replies of its own: it is asked nothing.
   */
  readonly lines: LineContents;
  /** The reward that the job trained on, which judges the replies; absent for types that train on none. */
  readonly judge?: (trained: TrainedRun<S>) => Judge | Promise<Judge>;
  /** How well a reward model's scores are calibrated; absent for other types. */
  readonly calibration?: (trained: TrainedRun<S>) => JobReport["calibration"];
}

const NO_JUDGE =
  "nothing may judge the replies: the reward that is implied by such a loss is the log-probability that it trained, which favours the tuned model; name a grader as report.judge";

/**
 * Measures the tuned model and the one that it started from, and keeps `report.json` and `report.html`. A report that cannot be made
 * is an event, not the end of the job. The same job gives the same bytes.
 */
export function alignmentReport<S extends ReportedSettings>(options: AlignmentReportOptions<S>): RunHooks<S> {
  return {
    async afterTraining(trained) {
      const settings = { ...REPORT_DEFAULTS, ...trained.job.settings.report };
      if (!settings.enabled) return;
      const { context } = trained;
      /** What ended the run, which no report may hide. */
      let ending: { readonly error: unknown } | undefined;
      const yieldToEventLoop = async () => {
        try {
          await context.yieldToEventLoop();
        } catch (error) {
          ending = { error };
          throw error;
        }
      };
      try {
        const report = await reportOf({ ...trained, context: { ...context, yieldToEventLoop } }, settings, {
          ...options,
          stop: () => {
            if (ending !== undefined) throw ending.error;
          },
        });
        // What has ended the run may have looked like a part that failed.
        await yieldToEventLoop();
        for (const file of reportFiles(report)) await context.keepFile(file);
        context.event({ level: "info", type: "message", message: summaryOf(report), data: figuresOf(report) });
      } catch (error) {
        if (ending !== undefined) throw ending.error;
        const message = `The report could not be made: ${messageOf(error)}`.slice(0, 2_000);
        context.event({ level: "warn", type: "message", message, data: null });
      }
    },
  };
}

interface Measuring<S extends ReportedSettings> extends AlignmentReportOptions<S> {
  /** Throws what ended the run, if anything has. */
  readonly stop: () => void;
}

async function reportOf<S extends ReportedSettings>(
  trained: TrainedRun<S>,
  settings: ReportSettings,
  { lines, judge: ownJudge, calibration, stop }: Measuring<S>,
): Promise<JobReport> {
  const { objective, job, context, run, step, values, metrics, steps } = trained;
  const { config, weights, tokenizer, method, resumed } = run;
  const missing: JobReport["missing"] = [];
  // A file that was trained on holds nothing out.
  const validation = job.validation?.digest === job.training.digest ? null : job.validation;
  const reported = {
    type: job.type,
    base: job.base.id,
    created_at: job.createdAt,
    seed: job.seed,
    training_file: job.training.name,
    validation_file: validation?.name ?? null,
    steps_trained: step,
    continues: job.parent !== undefined,
    validation: Object.fromEntries(Object.entries(metrics).filter(([, value]) => Number.isFinite(value))),
    calibration: calibration?.(trained) ?? null,
  };
  if (lines === "none") return reportWithoutReplies(reported, steps);
  const dataset = validation ?? job.training;
  const data = readReportData({ objective, job, run, dataset, lines });
  if (validation === null && lines !== "prompts") {
    missing.push({
      part: lines,
      reason: `the job has no validation file, and ${lines} that were trained on prove nothing`,
    });
  }
  const noteMissing = (part: string, reason: string) => {
    stop();
    missing.push({ part, reason });
  };
  const template = await orMissing(
    () => templateOf(tokenizer, job.createdAt),
    (reason) => noteMissing("chat_template", reason),
  );
  const { virtualTokens = 0, prefixTokens = 0 } = method;
  const probes = probesOf(job.base.files, missing);
  const texts = readTrainedTexts(job.training.bytes);
  const probed = [probes.facts, probes.tasks, probes.styles].some(({ length }) => length > 0);
  if (probed && !texts.isWhole) missing.push({ part: "training_file", reason: partlyRead(job.training) });
  const questions = chooseQuestions({
    ...{ settings, tokenizer, template, prompts: data.prompts, seed: job.seed },
    pairs: validation === null ? [] : data.pairs,
    completions: validation === null ? [] : data.completions,
    ...{ probes, trained: texts },
    room: config.maxPositions - virtualTokens - prefixTokens,
  });
  const asked = settings.judge;
  const made = asked === undefined ? ownJudge : () => judgeOfSettings(asked, trained);
  if (made === undefined) missing.push({ part: "win_rate", reason: NO_JUDGE });
  const judge = await orMissing(
    () => made?.(trained),
    (reason) => noteMissing("win_rate", `the judge cannot be used: ${reason}`),
  );
  const ends = readGenerationConfig({
    generation: job.base.files.has("generation_config.json")
      ? readModelJson(job.base.files, "generation_config.json")
      : undefined,
    config: readModelJson(job.base.files, "config.json"),
    vocabSize: config.vocabSize,
  });
  const endTokens = new Set([tokenizer.eosId, ...(template?.stopIds ?? []), ...ends.endTokens]);
  // Adapters that went on are compared with what they were, others with the model without them.
  const bare = baseAlone(method);
  const start = resumed === undefined ? { method: bare, values: bare.initial } : { method, values: method.initial };
  const named = { prompts: questions.prompts.length, samples: questions.samples, max_tokens: questions.maxTokens };
  context.event({
    level: "info",
    type: "message",
    message: `Measuring the tuned model and the one it started from, for the report: ${named.prompts} prompts, ${named.samples} replies to each, up to ${named.max_tokens} tokens`,
    data: named,
  });
  return await measureReport({
    job: reported,
    questions,
    heldOut: validation !== null,
    steps,
    missing,
    judge,
    progress: stop,
    open: (which) =>
      openRunSubject({
        ...{ executor: context.executor, run: { config, weights, tokenizer }, endTokens, seed: job.seed },
        room: questions.longest,
        ...(which === "tuned" ? { method, values } : start),
        yieldToEventLoop: context.yieldToEventLoop,
      }),
  });
}

function partlyRead({ bytes }: Dataset): string {
  const mebibytes = (count: number) => (count / (1 << 20)).toFixed(1);
  return `facts, tasks and styles were looked for in the first ${mebibytes(READ_BYTES)} MiB of ${mebibytes(bytes.byteLength)} MiB; those that only the rest has were asked although they were trained on`;
}

/** What is made, or undefined where that fails: the rest of the report does not need it. */
async function orMissing<T>(make: () => T | Promise<T>, note: (reason: string) => void): Promise<T | undefined> {
  try {
    return await make();
  } catch (error) {
    note(messageOf(error));
    return undefined;
  }
}

/** The base's own probes. A file that cannot be used is missing, with its mistake: no job fails for it. */
function probesOf(files: TrainedRun["job"]["base"]["files"], missing: JobReport["missing"]): EvaluationProbes {
  const file = files.get(PROBES_FILE);
  if (file === undefined) return NO_PROBES;
  if (file.byteLength > PROBES_BYTES) {
    missing.push({ part: PROBES_FILE, reason: `it has ${file.byteLength} bytes; at most ${PROBES_BYTES} are read` });
    return NO_PROBES;
  }
  try {
    return parseProbes(file.subarray(0, file.byteLength));
  } catch (error) {
    missing.push({ part: PROBES_FILE, reason: messageOf(error) });
    return NO_PROBES;
  }
}

const percent = (value: number) => `${(100 * value).toFixed(1)} %`;

/** The main figures in a sentence. */
function summaryOf(report: JobReport): string {
  const { win_rate: win, divergence, facts, tasks } = report;
  const parts = [
    win?.plain == null ? [] : [`win rate ${percent(win.plain.value)}`],
    divergence === null ? [] : [`KL ${divergence.k1.value.toFixed(2)} nats a reply`],
    facts?.after == null ? [] : [`facts ${percent(facts.before!.value)} → ${percent(facts.after.value)}`],
    tasks?.after == null ? [] : [`tasks ${percent(tasks.before!.value)} → ${percent(tasks.after.value)}`],
  ].flat();
  return `The report is kept as report.json and report.html${parts.length === 0 ? "" : `: ${parts.join(", ")}`}`;
}

function figuresOf(report: JobReport): Record<string, number> {
  const { win_rate: win, divergence, facts, tasks } = report;
  const figures: readonly (readonly [string, number | null | undefined])[] = [
    ["win_rate", win?.plain?.value],
    ["length_controlled_win_rate", win?.length_controlled.win_rate],
    ["kl", divergence?.k1.value],
    ["facts_before", facts?.before?.value],
    ["facts_after", facts?.after?.value],
    ["tasks_before", tasks?.before?.value],
    ["tasks_after", tasks?.after?.value],
  ];
  return Object.fromEntries(figures.filter((figure): figure is [string, number] => typeof figure[1] === "number"));
}
