/**
 * Trains a reward model: a method's delta, and a head that gives a text one number. What it learns from, comparisons or ratings,
 * follows from the kind of its data; see `reward-model/loss.ts` for the losses.
 */
import type { SettingsOf } from "../../shared/api/methods.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { createRandom } from "../../shared/random.ts";
import type { Unit } from "../data/units.ts";
import { createFinalStates, type FinalStates } from "./final-states.ts";
import type { Objective } from "./objective.ts";
import type { Dataset, Recipe, RecipeJob } from "./recipe.ts";
import { alignmentReport } from "./report/alignment-report.ts";
import type { Calibration } from "./reward-model/calibrate.ts";
import { type RewardData, readRewardData } from "./reward-model/data.ts";
import {
  calibrationEvent,
  calibrationMetrics,
  describeData,
  RELIABILITY_FILE,
  reportedCalibration,
} from "./reward-model/describe.ts";
import { MARGIN, RATING } from "./reward-model/lines.ts";
import { type RewardLoss, rewardLoss, rewardParameters } from "./reward-model/loss.ts";
import { publishedReward } from "./reward-model/published-scorer.ts";
import { runJob } from "./run-job.ts";

type Settings = SettingsOf<"reward_model">;

/** What there is to learn is known from the data, so an objective is made for each job. */
export const rewardModel: Recipe = async (given, context) => {
  const job = given as RecipeJob<Settings>;
  if (job.parent?.kind === "model") {
    throw new TrimtabError(
      "invalid_request",
      "`model` has its own weights, and a reward model is a delta of a base. Start from the base, or from a model with a delta.",
      { param: "model" },
    );
  }
  const data = readRewardData(job);
  describeData(data, job, context);
  const validation: Dataset = job.validation ?? { ...job.training };
  let last: Calibration | undefined;
  const objective = rewardObjective({ data, validation, onCalibrated: (calibration) => (last = calibration) });
  const report = alignmentReport<Settings>({ lines: "none", calibration: () => reportedCalibration(last, data) });
  const outcome = await runJob(objective, { ...job, validation }, context, report);
  context.event(calibrationEvent(last, data));
  const reliability = new TextEncoder().encode(
    `${JSON.stringify({ calibrated_on: data.calibratedOn, ...last }, null, 1)}\n`,
  );
  if (last !== undefined) await context.keepFile({ name: RELIABILITY_FILE, bytes: reliability });
  return { ...outcome, metrics: { ...outcome.metrics, ...calibrationMetrics(last) } };
};

export interface RewardRun {
  readonly data: RewardData;
  /** The dataset that stands for the validation lines; all others stand for the training lines. */
  readonly validation: Dataset;
  readonly onCalibrated: (calibration: Calibration | undefined) => void;
}

/** Training texts whose states are looked at; more would hardly change their mean and spread. */
const MOST_SEEN = 1024;

export function rewardObjective({ data, validation, onCalibrated }: RewardRun): Objective<Settings> {
  const { goal, scale, completions } = data;
  const lossOf = ({ hyperparameters }: Settings): RewardLoss => {
    return { goal, scale, centring: hyperparameters.center_rewards_coefficient };
  };
  let states: FinalStates | undefined;
  return {
    form: () => {
      if (goal === "ranking") return { examples: completions, columns: {} };
      return goal === "pairs"
        ? { examples: 2, columns: { [MARGIN]: "unit" } }
        : { examples: 1, columns: { [RATING]: "unit" } };
    },
    *lines(dataset) {
      yield* dataset === validation ? data.validation : data.training;
    },
    measuredOn: data.calibratedOn,
    loss: (context, settings) => rewardLoss(context, lossOf(settings)),
    parameters: ({ config }) => rewardParameters(config, goal),
    async scorer({ values, tools, rows, training, validation: units, seed }) {
      states ??= createFinalStates(tools.executor, { ...tools, rows });
      const seen = await states(
        someOf(training, seed).flatMap(({ examples }) => examples),
        values,
      );
      const judged = {
        units,
        states: byUnit(
          units,
          await states(
            units.flatMap(({ examples }) => examples),
            values,
          ),
        ),
      };
      const { scorer, calibration } = publishedReward({ goal, scale, values, seen, judged, seed });
      onCalibrated(calibration);
      return { scorer, metrics: calibrationMetrics(calibration) };
    },
  };
}

/** All units, or as many as have `MOST_SEEN` texts, drawn. */
function someOf(units: readonly Unit[], seed: number): Unit[] {
  const perUnit = units.reduce((most, { examples }) => Math.max(most, examples.length), 1);
  const order = createRandom(seed, "seen").permutation(units.length);
  const chosen = [...order.subarray(0, Math.max(1, Math.floor(MOST_SEEN / perUnit)))].sort((a, b) => a - b);
  return chosen.map((at) => units[at]!);
}

function byUnit<T>(units: readonly Unit[], all: readonly T[]): T[][] {
  let next = 0;
  return units.map(({ examples }) => examples.map(() => all[next++]!));
}
