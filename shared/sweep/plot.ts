/** The picture of a sweep: effect against base perplexity, a dot for each cell, and the baselines in shapes of their own. */
import type { SweepStatistics } from "../api/steering-sweep.ts";
import { drawFigure, type LabelledDot, type Mark } from "../plot/svg.ts";
import type { SweepRun } from "./plan.ts";

const MARKS: Readonly<Record<SweepRun["kind"], Mark>> = {
  cell: "circle",
  plain: "square",
  prompt: "triangle",
  model: "diamond",
};
const MEANINGS: Readonly<Record<SweepRun["kind"], string>> = {
  cell: "steered",
  plain: "as it is",
  prompt: "asked by a prompt",
  model: "fine-tuned",
};

/** Cells with longer labels, or more of them, are labelled by their numbers. */
const LABELLED_CELLS = 24;
const LABEL_LENGTH = 14;

export interface PlottedRun {
  readonly run: SweepRun;
  readonly statistics: SweepStatistics;
}

const shown = (value: number): string => Number(value.toPrecision(3)).toString();

/** Runs without tokens have no perplexity and no dot; the description names them. Without any dot there are empty axes. */
export function plotSweep(title: string, effect: string, runs: readonly PlottedRun[]): string {
  const labels = labelsOf(runs.map(({ run }) => run));
  const dots = runs.flatMap((plotted, index) => dotOf(plotted, labels[index]!));
  const kinds = (Object.keys(MARKS) as SweepRun["kind"][]).filter((kind) => runs.some(({ run }) => run.kind === kind));
  return drawFigure({
    title,
    description: describe(effect, runs),
    legend: kinds.map((kind) => ({ mark: MARKS[kind], text: MEANINGS[kind] })),
    panels: [
      {
        x: { title: "perplexity under the base (left is more fluent)", log: true, format: shown },
        y: { title: `effect: ${effect}`, format: shown },
        dots,
      },
    ],
  });
}

function dotOf({ run, statistics }: PlottedRun, label: string): LabelledDot[] {
  const { effect, base_perplexity: perplexity } = statistics;
  if (perplexity === null) return [];
  const ends = ({ low, high }: typeof effect) => (low === null || high === null ? undefined : ([low, high] as const));
  const [x, y] = [ends(perplexity), ends(effect)];
  const spread = { ...(x === undefined ? {} : { x }), ...(y === undefined ? {} : { y }) };
  return [{ label, x: perplexity.value, y: effect.value, mark: MARKS[run.kind], spread }];
}

function labelsOf(runs: readonly SweepRun[]): string[] {
  const values = runs.map(({ kind, grid, name }) =>
    kind === "cell" ? Object.values(grid).map(String).join(", ") : kind === "model" ? "fine-tuned" : name,
  );
  const cells = values.filter((_, index) => runs[index]!.kind === "cell");
  const fit = cells.length <= LABELLED_CELLS && cells.every(({ length }) => length <= LABEL_LENGTH);
  return fit ? values : values.map((value, index) => (runs[index]!.kind === "cell" ? String(index + 1) : value));
}

/** Every dot in words, for those who cannot see the picture. */
function describe(effect: string, runs: readonly PlottedRun[]): string {
  const words = runs.map(({ run, statistics: { effect: mean, base_perplexity: perplexity } }) => {
    const values = Object.entries(run.grid).map(([path, value]) => `${path} ${value}`);
    const name = run.kind === "cell" ? values.join(", ") : `${MEANINGS[run.kind]} (${run.name})`;
    return perplexity === null
      ? `${name}: no tokens`
      : `${name}: effect ${shown(mean.value)} at perplexity ${shown(perplexity.value)}`;
  });
  return `A scatter plot of the effect (${effect}) against the perplexity of the texts under the base. ${words.join("; ")}.`;
}
