/** What a reward model learns from, and what it is calibrated on. */
import type { MeasuredLines } from "../../../shared/api/measured-lines.ts";
import { settingsPath } from "../../../shared/api/methods.ts";
import type { RewardModelSettings } from "../../../shared/api/reward-model-settings.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { createRandom } from "../../../shared/random.ts";
import type { RecipeJob } from "../recipe.ts";
import { kindOfFile, RATING, type RewardKind, type RewardLine, rewardLines } from "./lines.ts";

/** The loss that the data asks for. */
export type RewardGoal = "pairs" | "ranking" | "rating";

export interface RewardData {
  readonly kind: RewardKind;
  readonly goal: RewardGoal;
  /** The most completions of a line. */
  readonly completions: number;
  readonly training: readonly RewardLine[];
  /** The validation file's lines, or some that were held out of the training file. */
  readonly validation: readonly RewardLine[];
  /** Where `validation` comes from: the validation file, lines held out, or the training lines themselves. */
  readonly calibratedOn: MeasuredLines;
  /** The mean and standard deviation of the training ratings; 0 and 1 for other goals. */
  readonly scale: RewardScale;
}

/** A reward is mean + deviation · (the head's value), so that the head learns numbers of about 1 whatever the ratings are. */
export interface RewardScale {
  readonly mean: number;
  readonly deviation: number;
}

/** One prompt in so many is held out where there is no validation file, if as many as `FEWEST` are then held out. */
const HELD_OUT = 10;
const FEWEST = 4;

/**
 * Reads the files. Without a validation file a share of the training prompts, with all of their completions, is held out.
 *
 * @throws TrimtabError invalid_file for a bad line; invalid_dataset for a validation file of another kind than the training file;
 *   invalid_request for centring where there is nothing to centre
 */
export function readRewardData(job: RecipeJob<RewardModelSettings>): RewardData {
  const { settings, training: file, validation: validationFile, seed } = job;
  const kind = atFile("training_file", () => kindOfFile(file, "training_file"));
  const goal = goalOf(kind, settings);
  if (goal === "rating" && settings.hyperparameters.center_rewards_coefficient > 0) {
    const param = `${settingsPath(job)}.hyperparameters.center_rewards_coefficient`;
    throw new TrimtabError(
      "invalid_request",
      `\`${param}\` must be 0 where ratings are learned by regression: they say where the rewards lie. Leave it out, or set \`ratings\` to "pairs".`,
      { param },
    );
  }
  const lines = atFile("training_file", () => rewardLines(file, kind, { settings, seed }));
  const own = (training: readonly RewardLine[], all: readonly RewardLine[] = training) => ({
    ...{ kind, goal, training, scale: scaleOf(training, goal) },
    completions: all.reduce((most, { examples }) => Math.max(most, examples.length), 1),
  });
  if (validationFile !== null) {
    const found = atFile("validation_file", () => kindOfFile(validationFile, "validation_file"));
    if (found !== kind) {
      const message = `${validationFile.name} holds ${found}, and the training file ${kind}; both must be of one kind`;
      throw new TrimtabError("invalid_dataset", message, { param: "validation_file" });
    }
    const validation = atFile("validation_file", () => rewardLines(validationFile, kind, { settings, seed }));
    return { ...own(lines, [...lines, ...validation]), validation, calibratedOn: "validation_file" };
  }
  const held = heldOut(lines, seed);
  if (held.size === 0) return { ...own(lines), validation: lines, calibratedOn: "training_file" };
  const [kept, rest] = [false, true].map((isHeld) => lines.filter(({ prompt }) => held.has(prompt) === isHeld));
  return { ...own(kept!, lines), validation: rest!, calibratedOn: "held_out" };
}

/** Errors of single lines do not know which of the job's files they are in. */
function atFile<T>(param: "training_file" | "validation_file", read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof TrimtabError) || error.param !== undefined) throw error;
    throw new TrimtabError(error.code, error.message, { param, data: error.data, cause: error });
  }
}

function goalOf(kind: RewardKind, { ratings }: RewardModelSettings): RewardGoal {
  if (kind === "ratings") return ratings === "pairs" ? "pairs" : "rating";
  return kind === "rankings" ? "ranking" : "pairs";
}

function heldOut(lines: readonly RewardLine[], seed: number): ReadonlySet<string> {
  const prompts = [...new Set(lines.map(({ prompt }) => prompt))];
  const count = Math.floor(prompts.length / HELD_OUT);
  if (count < FEWEST) return new Set();
  const order = createRandom(seed, "held out").permutation(prompts.length);
  return new Set([...order.subarray(0, count)].map((at) => prompts[at]!));
}

function scaleOf(lines: readonly RewardLine[], goal: RewardGoal): RewardScale {
  if (goal !== "rating") return { mean: 0, deviation: 1 };
  const ratings = lines.map(({ columns }) => columns![RATING]!);
  const mean = ratings.reduce((sum, rating) => sum + rating, 0) / ratings.length;
  const variance = ratings.reduce((sum, rating) => sum + (rating - mean) ** 2, 0) / ratings.length;
  return { mean, deviation: variance > 0 ? Math.sqrt(variance) : 1 };
}
