import type { Sweep, SweepEffect, SweepStatistics } from "../api/steering-sweep.ts";
import type { SweepPlan, SweepRun } from "./plan.ts";
import { plotSweep } from "./plot.ts";
import { type Sample, summarise } from "./summary.ts";

/**
 * Runs a plan, one run after the other, and puts the results together. `run` generates the texts of one run: `n` for each
 * prompt, with their tokens' log-probabilities under the base and their effect.
 *
 * @param usage asked when all runs have ended
 * @throws what `run` throws; non_finite or internal_error for samples that cannot be summed up
 */
export async function runSweep(
  plan: SweepPlan,
  run: (run: SweepRun) => Promise<readonly Sample[]>,
  usage: () => Sweep["usage"],
): Promise<Sweep> {
  const { seed, model } = plan.request;
  const results: { run: SweepRun; statistics: SweepStatistics }[] = [];
  // The model as it is comes first: every other perplexity is shown relative to its.
  const plainRun = plan.runs.find(({ kind }) => kind === "plain")!;
  const plain = summarise(await run(plainRun), { seed, name: plainRun.name });
  for (const next of plan.runs) {
    const statistics =
      next === plainRun
        ? plain
        : summarise(await run(next), { seed, name: next.name, plain: plain.base_perplexity?.value ?? null });
    results.push({ run: next, statistics });
  }
  const cells = results.filter(({ run: { kind } }) => kind === "cell");
  return {
    object: "steering.sweep",
    model,
    effect: plan.effect,
    seed,
    cells: cells.map(({ run: { grid }, statistics }, index) => ({ number: index + 1, grid, statistics })),
    baselines: results.flatMap(({ run: { kind, name }, statistics }) =>
      kind === "cell" ? [] : [{ kind, name, statistics }],
    ),
    svg: plotSweep(`Steering ${model}`, effectName(plan.effect), results),
    usage: usage(),
  };
}

/** For the plot's axis. */
export function effectName(effect: SweepEffect): string {
  if ("classifier" in effect) return `probability of ${effect.classifier.label}`;
  if ("scorer" in effect) return `score of ${effect.scorer}`;
  return `share with ${effect.phrases.length === 1 ? `“${effect.phrases[0]}”` : "one of the phrases"}`;
}
