/** A sweep's report from what is known of its trials. */
import type { SweepReport } from "../api/sweep-report.ts";
import type { ShownTrial } from "../api/sweeps.ts";
import { canonicalJson } from "../formats/digest.ts";
import type { MeasuredValue } from "./median-rule.ts";
import { type Goal, isBetter, ranked } from "./ranking.ts";

type Measured = ReadonlyMap<number, readonly MeasuredValue[]>;

export interface ReportParts extends Omit<SweepReport, "object" | "version" | "axes" | "curves"> {
  readonly paths: readonly string[];
  /** By the trial's number. */
  readonly measured: Measured;
}

export function sweepReport({ paths, measured, ...parts }: ReportParts): SweepReport {
  return {
    object: "fine_tuning.sweep.report",
    version: 1,
    ...parts,
    axes: paths.map((path) => ({ path, groups: groupsOf(parts.trials, path, parts.goal) })),
    curves: parts.trials.flatMap(({ trial }) => {
      const values = measured.get(trial) ?? [];
      if (values.length === 0) return [];
      return [{ trial, steps: values.map(({ step }) => step), values: values.map(({ value }) => value) }];
    }),
  };
}

/** Trials by what they set at a path, the best group first. Those that came to an end alone: others had fewer steps. */
function groupsOf(trials: readonly ShownTrial[], path: string, goal: Goal): SweepReport["axes"][number]["groups"] {
  const groups = new Map<string, { value: unknown; values: number[] }>();
  for (const { settings, value, status } of trials) {
    if (value === null || status !== "succeeded") continue;
    const name = canonicalJson(settings[path]);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, { value: settings[path], values: [value] });
    else group.values.push(value);
  }
  const summed = [...groups.values()].map(({ value, values }, trial) => ({
    trial,
    shown: {
      value,
      trials: values.length,
      best: values.reduce((best, one) => (isBetter(one, best, goal) ? one : best)),
      mean: values.reduce((sum, one) => sum + one, 0) / values.length,
    },
  }));
  const order = summed.map(({ trial, shown }) => ({ trial, value: shown.best, shown }));
  return ranked(order, goal).map(({ shown }) => shown);
}

/** The trials as CSV (RFC 4180). */
export function trialsCsv(trials: readonly ShownTrial[], paths: readonly string[]): string {
  const head = ["trial", "status", "job", ...paths, "steps", "value", "fine_tuned_model", "reason"];
  const rows = trials.map((one) => [
    ...[one.trial, one.status, one.job],
    ...paths.map((path) => one.settings[path]),
    ...[one.steps, one.value, one.fine_tuned_model, one.reason],
  ]);
  return [head, ...rows].map((cells) => `${cells.map(cell).join(",")}\r\n`).join("");
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return "";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
