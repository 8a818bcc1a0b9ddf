/** The units of a loss on single completions with labels, and the divergence that such a loss compares them with. */
import { answeredPrompt } from "../../../shared/data/preference-pair.ts";
import { parseUnpaired, requireBothLabels } from "../../../shared/data/unpaired-preference.ts";
import { UnpairedTally } from "../../../shared/data/unpaired-statistics.ts";
import type { UnitLine } from "../../data/examples.ts";
import type { Unit, UnitForm } from "../../data/units.ts";
import { type Objective, REFERENCE, type RunTools, type UnitRefresher } from "../objective.ts";
import type { Dataset, Recipe, RecipeContext, RecipeJob } from "../recipe.ts";
import { alignmentReport, type ReportedSettings } from "../report/alignment-report.ts";
import { runJob } from "../run-job.ts";
import { type BetaSettings, type BetaType, betaOf } from "./beta.ts";

/**
 * `desirable` is the label, 1 or 0; `kl` the divergence; the shares are one over the step's number of units with that label, for
 * those that have it, so that sums are means.
 */
export const KTO_COLUMNS = {
  desirable: "unit",
  kl: "unit",
  chosen_share: "unit",
  rejected_share: "unit",
} as const satisfies UnitForm["columns"];

/**
 * A unit of two examples for every line: its own completion, and that of the line before behind the same prompt (the last line's
 * for the first), as a sample of what the model writes regardless of the prompt.
 */
export function* mismatchedLines({ bytes, name }: Dataset): Generator<UnitLine, void> {
  const lines = [...parseUnpaired(bytes, { name })];
  requireBothLabels(lines, name);
  for (const [i, { line, unpaired }] of lines.entries()) {
    const { prompt, completion, tools, label } = unpaired;
    const other = lines.at(i - 1)!.unpaired.completion;
    yield {
      line,
      examples: [answeredPrompt(prompt, completion, tools), answeredPrompt(prompt, other, tools)],
      columns: { desirable: label ? 1 : 0 },
    };
  }
}

/**
 * Gives every unit the divergence of the current model from the reference, max(0, mean(log π − log ref)) over the step's
 * mismatched completions, which then leave the units.
 */
export function withDivergence(tools: Pick<RunTools, "logProbabilities">): UnitRefresher {
  return async ({ units, values }) => {
    const mismatched = units.map(({ examples }): Unit => ({ examples: [examples[1]!] }));
    const scores = await tools.logProbabilities(mismatched, values);
    const ratios = mismatched.map(({ examples }, u) => {
      return sum(scores[u]![0]!) - sum(examples[0]!.columns![REFERENCE] as Float32Array);
    });
    const kl = Math.max(0, sum(ratios) / units.length);
    const chosen = sum(units.map(({ columns }) => columns!.desirable!));
    const rejected = units.length - chosen;
    return units.map(({ examples, columns }): Unit => {
      const isDesirable = columns!.desirable === 1;
      const shares = { chosen_share: isDesirable ? 1 / chosen : 0, rejected_share: isDesirable ? 0 : 1 / rejected };
      return { examples: [examples[0]!], columns: { ...columns, kl, ...shares } };
    });
  };
}

/** The recipe of such a loss: says what the data looks like, trains, and reports the `beta` that was used. */
export function unpairedRecipe<S extends BetaSettings & ReportedSettings>(
  type: BetaType,
  objective: Objective<S>,
): Recipe {
  return async (given, context) => {
    const job = given as RecipeJob<S>;
    for (const dataset of [job.training, job.validation]) if (dataset !== null) describe(dataset, context);
    const outcome = await runJob(objective, job, context, alignmentReport({ lines: "completions" }));
    return { ...outcome, hyperparameters: { ...outcome.hyperparameters, beta: betaOf(type, job.settings) } };
  };
}

function describe({ bytes, name }: Dataset, { event }: RecipeContext): void {
  const tally = new UnpairedTally();
  for (const { unpaired } of parseUnpaired(bytes, { name })) tally.add(unpaired);
  const { lines, desirable, duplicates, contradictions, lengthBias } = tally.statistics;
  const percent = `${(100 * lengthBias).toFixed(1)} %`;
  event({
    level: contradictions > 0 ? "warn" : "info",
    type: "message",
    message: `${name}: ${lines} completions, ${desirable} of them desirable, ${duplicates} repeated, ${contradictions} contradicting an earlier one; of a desirable and an undesirable one the longer is desirable in ${percent}`,
    data: { lines, desirable, duplicates, contradictions, length_bias: lengthBias },
  });
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
