import type { Gate, GateOutcome } from "../../../../shared/api/pipelines.ts";

export type Metrics = Readonly<Record<string, number>>;

/** `outcome` is null where the metric is not there or no number, which `reason` explains. */
export interface Judgement {
  readonly outcome: GateOutcome | null;
  readonly reason: string;
}

/** Holds a stage's metrics to its gate. */
export function judge({ metric, at_least: least, at_most: most }: Gate, metrics: Metrics): Judgement {
  const value = Object.hasOwn(metrics, metric) ? metrics[metric] : undefined;
  if (value === undefined) {
    const names = Object.keys(metrics).sort();
    const there = names.length === 0 ? "it reported none" : `it reported ${names.join(", ")}`;
    return { outcome: null, reason: `the stage did not report ${JSON.stringify(metric)}; ${there}.` };
  }
  if (!Number.isFinite(value)) return { outcome: null, reason: `${metric} is ${value}, which is no number.` };
  const passed = (least === undefined || value >= least) && (most === undefined || value <= most);
  const bounds = [least === undefined ? "" : `at least ${least}`, most === undefined ? "" : `at most ${most}`];
  const asked = bounds.filter((bound) => bound !== "").join(" and ");
  return { outcome: { metric, value, passed }, reason: `${metric} is ${value}, asked for is ${asked}` };
}
