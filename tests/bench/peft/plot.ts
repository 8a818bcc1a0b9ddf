import { type Axis, drawFigure } from "../../../shared/plot/svg.ts";
import { median } from "../median.ts";
import type { PeftBench, PeftBenchRow } from "./result.ts";

/** Unbounded axes end at this multiple of the median: one method that failed to learn would squeeze the others together. */
const SHOWN_MEDIANS = 4;

/** The value of a row that an axis shows. */
interface Shown {
  readonly axis: Axis;
  readonly of: (row: PeftBenchRow) => number;
  readonly unbounded?: true;
}

const QUALITY: Shown = {
  axis: {
    title: "held-out loss, nats per token (up is better)",
    log: true,
    reversed: true,
    format: (value) => Number(value.toPrecision(2)).toString(),
  },
  of: (row) => row.held_out_loss,
  unbounded: true,
};

const COSTS: readonly Shown[] = [
  {
    axis: {
      title: "trainable parameters",
      log: true,
      format: (value) => Intl.NumberFormat("en", { notation: "compact" }).format(value),
    },
    of: (row) => row.trainable_parameters,
  },
  {
    axis: { title: "peak memory of training, MB", format: (value) => value.toFixed(0) },
    of: (row) => row.peak_bytes / 1e6,
  },
  {
    axis: { title: "training time, ms per token", format: (value) => Number(value.toPrecision(3)).toString() },
    of: (row) => row.ms_per_token.median,
  },
  {
    axis: {
      title: "forgetting: increase in loss on the base's own text, nats per token",
      format: (value) => Number(value.toPrecision(2)).toString(),
    },
    of: (row) => row.forgetting,
    unbounded: true,
  },
];

function axisOf({ axis, of, unbounded }: Shown, rows: readonly PeftBenchRow[]): Axis {
  const middle = median(rows.map(of));
  return unbounded && middle > 0 ? { ...axis, limit: SHOWN_MEDIANS * middle } : axis;
}

/** Held-out quality against the costs of each method. */
export function plotOf({ rows, task, base }: PeftBench): string {
  const best = rows.toSorted((a, b) => a.held_out_loss - b.held_out_loss).map(({ name }) => name);
  return drawFigure({
    title: `Methods after ${task.steps} steps on ${task.training_file}`,
    description: `Four scatter plots of each method's held-out loss against its trainable parameters, peak memory, training time and forgetting. From the lowest loss to the highest: ${best.join(", ")}. The base's loss is ${base.held_out_loss.toFixed(2)}.`,
    panels: COSTS.map((cost) => ({
      x: axisOf(cost, rows),
      y: axisOf(QUALITY, rows),
      dots: rows.map((row) => ({ label: row.name, x: cost.of(row), y: QUALITY.of(row) })),
    })),
  });
}
