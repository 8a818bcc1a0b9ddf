/** A job's result files: the measurements of its steps, as a table and for TensorBoard. */
import { type ScalarEvent, tfevents } from "../formats/tfevents.ts";

/** What one step reported. */
export interface StepMetrics {
  /** Seconds since 1970. */
  readonly at: number;
  /** By name, `step` among them; those of the validation file begin with `valid_`. */
  readonly data: Readonly<Record<string, unknown>>;
}

/**
 * OpenAI's columns, and the names under which steps report them. Cells without a measurement are empty, as in OpenAI's
 * file.
 */
const COLUMNS = {
  step: "step",
  train_loss: "loss",
  train_accuracy: "mean_token_accuracy",
  valid_loss: "valid_loss",
  valid_mean_token_accuracy: "valid_mean_token_accuracy",
} as const;

const VALID = "valid_";

/** Numbers that identify a step and are not measurements. */
const POSITIONS = new Set(["step", "total_steps"]);

/** The table in the form of OpenAI's `step_metrics.csv`. */
export function stepMetricsCsv(steps: readonly StepMetrics[]): string {
  const rows = steps.map(({ data }) => Object.values(COLUMNS).map((name) => cell(data[name])));
  return `${[Object.keys(COLUMNS), ...rows].map((row) => row.join(",")).join("\n")}\n`;
}

/** An event file for TensorBoard with everything that the steps measured, in the groups `train` and `valid`. */
export function stepMetricsEvents(steps: readonly StepMetrics[]): Uint8Array<ArrayBuffer> {
  return tfevents(steps.map(scalarEvent));
}

function scalarEvent({ at, data }: StepMetrics): ScalarEvent {
  const measured = Object.entries(data).filter(
    (entry): entry is [string, number] => !POSITIONS.has(entry[0]) && typeof entry[1] === "number",
  );
  return {
    step: Number(data.step),
    at,
    scalars: Object.fromEntries(measured.map(([name, value]) => [tag(name), value])),
  };
}

function tag(name: string): string {
  return name.startsWith(VALID) ? `valid/${name.slice(VALID.length)}` : `train/${name}`;
}

function cell(value: unknown): string {
  return typeof value === "number" ? String(value) : "";
}
