/**
 * Trains a classifier that judges unfinished texts: a method's delta and a scorer that reads what it makes of a text. See
 * `classifier/loss.ts` for what is trained.
 */
import { MEASURED_LINES } from "../../shared/api/measured-lines.ts";
import { type ClassifierSettings, classifierModes, settingsPath } from "../../shared/api/methods.ts";
import { classifierLead, controlTokens } from "../../shared/data/classifier-rows.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { loadFolderTokenizer } from "../../shared/model/model-folder.ts";
import type { Tokenizer } from "../../shared/model/tokenizer.ts";
import { createJudge, SHARES } from "./classifier/judge.ts";
import { CLASS, type ClassifierLoss, classifierLoss } from "./classifier/loss.ts";
import { scorerParameters } from "./classifier/parameters.ts";
import { publishedScorer } from "./classifier/published-scorer.ts";
import { type ClassifierTexts, readTexts } from "./classifier/texts.ts";
import type { Objective } from "./objective.ts";
import type { Dataset, Metrics, Recipe, RecipeContext, RecipeJob } from "./recipe.ts";
import { runJob } from "./run-job.ts";

/** The classes are known from the data, so an objective is made for each job. */
export const classifier: Recipe = async (given, context) => {
  const job = given as RecipeJob<ClassifierSettings>;
  if (job.parent?.kind === "model") {
    throw new TrimtabError(
      "invalid_request",
      "`model` has its own weights, and a classifier is a delta of a base. Start from the base, or from a model with a delta.",
      { param: "model" },
    );
  }
  const texts = readTexts(job.training, job.validation, job.seed);
  describe(texts, job, context);
  const validation: Dataset = job.validation ?? { ...job.training };
  const measured: { metrics: Metrics } = { metrics: {} };
  const objective = classifierObjective({
    texts,
    validation,
    tokenizer: loadFolderTokenizer(job.base.files),
    onCalibrated: (metrics) => {
      measured.metrics = metrics;
      context.event({
        level: "info",
        type: "message",
        message: calibrationMessage(metrics, texts),
        data: { ...metrics },
      });
    },
  });
  const outcome = await runJob(objective, { ...job, validation }, context);
  return { ...outcome, metrics: { ...outcome.metrics, ...measured.metrics } };
};

interface ClassifierRun {
  readonly texts: ClassifierTexts;
  /** The dataset that stands for the validation texts; all others stand for the training texts. */
  readonly validation: Dataset;
  readonly tokenizer: Tokenizer;
  readonly onCalibrated: (metrics: Metrics) => void;
}

export function classifierObjective(run: ClassifierRun): Objective<ClassifierSettings> {
  const { texts, tokenizer } = run;
  const { labels, prior } = texts;
  const classes = labels.length;
  const lead = classifierLead(tokenizer);
  const control = labels.map((label) => controlTokens(tokenizer, label));
  const judge = createJudge();
  const lossOf = (settings: ClassifierSettings): ClassifierLoss => ({
    classes,
    modes: classifierModes(settings),
    lmWeight: settings.hyperparameters.lm_weight,
    minTokens: settings.prefix.min_tokens,
  });
  const hasRows = (settings: ClassifierSettings) => classifierModes(settings).includes("class_rows");
  return {
    form: (settings) => ({ examples: hasRows(settings) ? 1 + classes : 1, columns: { [CLASS]: "unit" } }),
    *lines(dataset, settings) {
      if (hasRows(settings)) requireDistinct(labels, control);
      for (const { line, text, label } of dataset === run.validation ? texts.validation : texts.training) {
        const led = (ids: readonly number[]) => ({ kind: "led", lead: ids, text }) as const;
        const rows = hasRows(settings) ? control.map((ids) => led([...lead, ...ids])) : [];
        yield { line, examples: [led(lead), ...rows], columns: { [CLASS]: labels.indexOf(label) } };
      }
    },
    measuredOn: texts.calibratedOn,
    loss: (context, settings) => classifierLoss(context, lossOf(settings)),
    parameters: ({ config, settings, seed }) =>
      scorerParameters(config, { classes, rank: settings.value_rank, modes: classifierModes(settings), seed }),
    async scorer({ settings, values, tools, rows, validation }) {
      const loss = lossOf(settings);
      const judgements = await judge({ tools, rows, units: validation, values, loss, eosId: tokenizer.eosId });
      const published = publishedScorer({ values, labels, prior, lead, control, judgements });
      run.onCalibrated(published.metrics);
      return published;
    },
  };
}

function requireDistinct(labels: readonly string[], control: readonly (readonly number[])[]): void {
  const seen = new Map<string, string>();
  for (const [c, ids] of control.entries()) {
    const key = ids.join();
    const twin = seen.get(key);
    if (twin !== undefined) {
      throw new TrimtabError(
        "invalid_dataset",
        `the tokenizer writes the labels ${JSON.stringify(twin)} and ${JSON.stringify(labels[c])} alike, so their rows would be the same. Rename one, or leave class_rows out of \`modes\`.`,
        { param: "training_file" },
      );
    }
    seen.set(key, labels[c]!);
  }
}

/** A class with less than this share of an equal one is worth a warning. */
const SMALL_SHARE = 0.2;

function describe(texts: ClassifierTexts, job: RecipeJob<ClassifierSettings>, { event }: RecipeContext): void {
  const { labels, prior, training, validation, contradictory, calibratedOn } = texts;
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const shown = labels.map((label, c) => `${label} ${percent(prior[c]!)}`).join(", ");
  const say = (level: "info" | "warn", message: string, data: Readonly<Record<string, number | string>> = {}) =>
    event({ level, type: "message", message, data });
  say("info", `${job.training.name}: ${training.length} texts to learn from, of ${labels.length} classes: ${shown}`, {
    texts: training.length,
    classes: labels.length,
  });
  const small = labels.filter((_, c) => prior[c]! * labels.length < SMALL_SHARE);
  if (small.length > 0) {
    say(
      "warn",
      `${job.training.name}: few texts have the label ${small.join(", ")}; the classifier will seldom choose it`,
    );
  }
  if (contradictory > 0) {
    say("warn", `${job.training.name}: ${contradictory} texts occur with more than one label`, { contradictory });
  }
  if (calibratedOn === "held_out") {
    say("info", `${validation.length} more texts are held out for the calibration`, { held_out: validation.length });
  }
  if (calibratedOn === "training_file") {
    const message = `${job.training.name} has too few texts to hold any out, so the calibration uses those that it learns from; send a \`validation_file\` for one to rely on`;
    say("warn", message, { param: `${settingsPath(job)}` });
  }
}

function calibrationMessage(metrics: Metrics, { calibratedOn }: ClassifierTexts): string {
  const modes = Object.keys(metrics).flatMap((name) => /^(.*)_temperature$/.exec(name)?.[1] ?? []);
  const of = (mode: string) => {
    const shares = SHARES.map((share) => `${(100 * metrics[`${mode}_accuracy_${100 * share}`]!).toFixed(1)} %`).join(
      ", ",
    );
    const [before, after] = [metrics[`${mode}_ece_before`]!, metrics[`${mode}_ece`]!].map((ece) => ece.toFixed(3));
    return `${mode}: accuracy ${shares} at a quarter, half, three quarters and all of a text; calibration error ${before} before, ${after} after`;
  };
  return [`Calibrated on ${MEASURED_LINES[calibratedOn]}`, ...modes.map(of)].join("\n");
}
