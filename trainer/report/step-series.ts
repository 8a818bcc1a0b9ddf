/** The metrics of a run's steps as series, and which of them show what a reward was bought with. */
import type { ReportSteps } from "../../shared/api/job-report.ts";

/** What one step reported. */
export type StepData = Readonly<Record<string, unknown>>;

/** Positions, and what depends on the machine's speed. */
const LEFT_OUT = new Set(["step", "total_steps", "tokens_per_second", "trained_tokens"]);

/** Under trl's names, in the order in which they are preferred. */
const NAMES = {
  divergence: ["objective/kl", "kl"],
  reward: ["objective/scores", "reward"],
  length: ["completions/mean_length"],
  repetition: ["completions/repetition"],
} as const;

/** The reward that is trained on and the gold reward, which is measured on the same prompts or not at all. */
const PROXIES = [
  ["valid_reward", "valid_gold_mean"],
  ["reward", "gold_mean"],
] as const;

/** null without steps. A metric that a step did not report, or that is not finite, is null there. */
export function stepSeries(steps: readonly StepData[]): ReportSteps | null {
  if (steps.length === 0) return null;
  const names = new Set<string>();
  for (const step of steps) {
    for (const [name, value] of Object.entries(step)) {
      if (typeof value === "number" && !LEFT_OUT.has(name)) names.add(name);
    }
  }
  const value = (step: StepData, name: string) => {
    const number = step[name];
    return typeof number === "number" && Number.isFinite(number) ? number : null;
  };
  const series = Object.fromEntries([...names].sort().map((name) => [name, steps.map((step) => value(step, name))]));
  const found = (kind: keyof typeof NAMES) => NAMES[kind].find((name) => Object.hasOwn(series, name)) ?? null;
  const [divergence, reward] = [found("divergence"), found("reward")];
  const [length, repetition] = [found("length"), found("repetition")];
  const measured = PROXIES.find((names) => names.every((name) => Object.hasOwn(series, name)));
  const [proxy, gold] = measured ?? [reward, null];
  return {
    steps: steps.map((step) => Number(step.step)),
    series,
    frontier: divergence === null || reward === null ? null : { divergence, reward },
    hacking: proxy === null || (gold ?? length ?? repetition) === null ? null : { proxy, gold, length, repetition },
  };
}
