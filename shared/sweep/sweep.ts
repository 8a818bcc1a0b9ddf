import type { Sweep, SweepEffect, SweepStatistics } from "../api/steering-sweep.ts";
import type { SweepPlan, SweepRun } from "./plan.ts";
import { plotSweep } from "./plot.ts";
import { type Sample, summarise } from "./summary.ts";

export interface RunResult {
  readonly run: SweepRun;
  readonly statistics: SweepStatistics;
}

export interface SweepWork {
  /** Generates the texts of one run: `n` for each prompt, with their tokens' log-probabilities under the base and their effect. */
  readonly run: (run: SweepRun) => Promise<readonly Sample[]>;
  /** Asked when all runs have ended. */
  readonly usage: () => Sweep["usage"];
  /** Called when a run has ended, with how many have by now. Must not throw. */
  readonly finished?: (result: RunResult, done: number) => void;
}

/**
 * Runs a plan, one run after the other, and puts the results together.
 *
 * @throws what `run` throws; non_finite or internal_error for samples that cannot be summed up
 */
export async function runSweep(plan: SweepPlan, { run, usage, finished = () => {} }: SweepWork): Promise<Sweep> {
  const { seed, model } = plan.request;
  const byRun = new Map<SweepRun, SweepStatistics>();
  // The model as it is comes first: every other perplexity is shown relative to its.
  const plainRun = plan.runs.find(({ kind }) => kind === "plain")!;
  for (const next of [plainRun, ...plan.runs.filter((other) => other !== plainRun)]) {
    const samples = await run(next);
    const plain = byRun.get(plainRun);
    const relative = plain === undefined ? {} : { plain: plain.base_perplexity?.value ?? null };
    const statistics = summarise(samples, { seed, name: next.name, ...relative });
    byRun.set(next, statistics);
    finished({ run: next, statistics }, byRun.size);
  }
  const results = plan.runs.map((of): RunResult => ({ run: of, statistics: byRun.get(of)! }));
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
