import type { TrainingSettings } from "../../../shared/api/methods.ts";
import { pairExamples, parsePreferencePairs } from "../../../shared/data/preference-pair.ts";
import { PreferenceTally } from "../../../shared/data/preference-statistics.ts";
import type { Objective } from "../objective.ts";
import type { Dataset, Recipe, RecipeContext, RecipeJob } from "../recipe.ts";
import { alignmentReport, type ReportedSettings } from "../report/alignment-report.ts";
import { runJob } from "../run-job.ts";
import { type BetaSettings, type BetaType, betaOf } from "./beta.ts";

/**
 * An objective whose units are pairs: the examples of a unit are the chosen completion and the rejected one, which are laid out behind
 * their prompt where a row has room for both.
 */
export function pairObjective<S extends TrainingSettings>(
  own: Pick<Objective<S>, "loss" | "reference" | "learningRate">,
): Objective<S> {
  return {
    form: () => ({ examples: 2, sharesPrompt: true }),
    *lines({ bytes, name }) {
      for (const { line, pair } of parsePreferencePairs(bytes, { name })) yield { line, examples: pairExamples(pair) };
    },
    ...own,
  };
}

/** The recipe of a loss on pairs: says what the data looks like, trains, and reports the `beta` that was used. */
export function pairRecipe<S extends BetaSettings & ReportedSettings>(type: BetaType, objective: Objective<S>): Recipe {
  return async (given, context) => {
    const job = given as RecipeJob<S>;
    for (const dataset of [job.training, job.validation]) if (dataset !== null) describe(dataset, context);
    const outcome = await runJob(objective, job, context, alignmentReport({ lines: "pairs" }));
    return { ...outcome, hyperparameters: { ...outcome.hyperparameters, beta: betaOf(type, job.settings) } };
  };
}

/** Beyond this share, or below its opposite, "the longer one" is most of what there is to learn. */
const BIASED = 0.7;

function describe({ bytes, name }: Dataset, { event }: RecipeContext): void {
  const tally = new PreferenceTally();
  for (const { pair } of parsePreferencePairs(bytes, { name })) tally.add(pair);
  const { pairs, duplicates, contradictions, lengthBias } = tally.statistics;
  const isBiased = pairs > 1 && Math.max(lengthBias, 1 - lengthBias) > BIASED;
  const percent = `${(100 * lengthBias).toFixed(1)} %`;
  const advice = isBiased
    ? "; a model can learn this length instead of what makes answers better, so add pairs whose better answer is of the other length"
    : "";
  event({
    level: isBiased || contradictions > 0 ? "warn" : "info",
    type: "message",
    message: `${name}: ${pairs} pairs, ${duplicates} of them repeated, ${contradictions} contradicting an earlier one; the longer answer is the better one in ${percent}${advice}`,
    data: { pairs, duplicates, contradictions, length_bias: lengthBias },
  });
}
