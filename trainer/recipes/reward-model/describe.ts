/** What a reward model's job tells its owner. */
import type { JobReport } from "../../../shared/api/job-report.ts";
import { MEASURED_LINES } from "../../../shared/api/measured-lines.ts";
import { settingsPath } from "../../../shared/api/methods.ts";
import { shareOf } from "../../../shared/evaluation/intervals.ts";
import type { Metrics, RecipeContext, RecipeJob } from "../recipe.ts";
import type { Calibration } from "./calibrate.ts";
import type { RewardData } from "./data.ts";

/** The file with the reliability diagram, before and after calibration. */
export const RELIABILITY_FILE = "reliability.json";

/** Beyond this share, or below its opposite, length alone predicts most of what there is to learn. */
const BIASED = 0.7;

/**
 * With fewer pairs the figures say little: an accuracy of one half has a standard error of 7 points at 50, and the smoothed labels that
 * the temperature is fitted to keep the calibration error of n pairs that are all right near 1/(n + 2).
 */
const ROUGH = 50;

type Event = Parameters<RecipeContext["event"]>[0];

const NOUNS = {
  pairs: "pairs of a better and a worse completion",
  ranking: "rankings",
  rating: "rated completions",
};

export function describeData(
  data: RewardData,
  job: Pick<RecipeJob, "training" | "type">,
  context: RecipeContext,
): void {
  const { goal, training, validation, calibratedOn, completions, scale } = data;
  const say = (level: Event["level"], message: string, more: Readonly<Record<string, unknown>>) =>
    context.event({ level, type: "message", message, data: more });
  const { name } = job.training;
  const rated =
    goal === "rating" ? `, rated ${scale.mean.toPrecision(4)} on average, ± ${scale.deviation.toPrecision(3)}` : "";
  const longest = goal === "ranking" ? ` of up to ${completions} completions` : "";
  const learned = `${training.length} ${NOUNS[goal]}${longest} to learn from${rated}`;
  const where = calibratedOn === "held_out" ? "that are held out" : "of the validation file";
  const more =
    calibratedOn === "training_file" ? "" : `, and ${validation.length} ${where} to measure and calibrate on`;
  const counts = { lines: training.length, measured: validation.length, measured_on: calibratedOn };
  say("info", `${name}: ${learned}${more}`, { ...counts, goal });
  if (calibratedOn === "training_file") {
    const message = `${name} has too few prompts to hold any out, so the calibration uses what the model learns from; send a \`validation_file\` for one to rely on`;
    say("warn", message, { param: settingsPath(job) });
  }
}

/** A calibration's numbers, under the names of a result's metrics. */
export function calibrationMetrics(calibration: Calibration | undefined): Metrics {
  if (calibration === undefined) return {};
  const { reliability, reliability_before, pairs, ...numbers } = calibration;
  return { ...numbers, calibration_pairs: pairs };
}

/** A calibration as the job's report shows it. */
export function reportedCalibration(
  calibration: Calibration | undefined,
  { calibratedOn }: Pick<RewardData, "calibratedOn">,
): JobReport["calibration"] {
  if (calibration === undefined) return null;
  const { pairs, accuracy, length_accuracy: longer, ece_before, ece, temperature, reliability } = calibration;
  return {
    ...{ pairs, accuracy: shareOf(accuracy * pairs, pairs), longer: shareOf(longer * pairs, pairs) },
    calibrated_on: calibratedOn,
    ...{ ece_before, ece_after: ece, temperature },
    bins: reliability.map(({ confidence, accuracy: observed, count }) => ({
      predicted: confidence,
      observed,
      n: count,
    })),
  };
}

export function calibrationEvent(calibration: Calibration | undefined, { calibratedOn }: RewardData): Event {
  if (calibration === undefined) {
    const message =
      "No two completions can be compared, so the rewards are not calibrated: `calibrated` is the reward itself";
    return { level: "warn", type: "message", message, data: null };
  }
  const { pairs, accuracy, length_accuracy: length, ece_before: before, ece, temperature } = calibration;
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const isBiased = Math.max(length, 1 - length) > BIASED;
  const isRough = pairs < ROUGH;
  const bias = isBiased
    ? "; length alone predicts much of that, so add data whose better completions are of the other length"
    : "";
  const advice = isRough
    ? `. Fewer than ${ROUGH} pairs make these figures and the temperature rough: send a \`validation_file\` with more of them`
    : "";
  return {
    level: isBiased || isRough ? "warn" : "info",
    type: "message",
    message: `${MEASURED_LINES[calibratedOn]}: the reward prefers the better completion in ${percent(accuracy)} of ${pairs} pairs, the longer one is better in ${percent(length)}${bias}; calibration error ${before.toFixed(3)} before, ${ece.toFixed(3)} after a temperature of ${temperature.toPrecision(3)}${advice}`,
    data: { ...calibration, calibrated_on: calibratedOn },
  };
}
