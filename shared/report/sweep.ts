/** A sweep's report as one HTML file: the trials, what each setting does, and how the best ones learned. */
import type { SweepReport } from "../api/sweep-report.ts";
import type { ShownTrial } from "../api/sweeps.ts";
import { drawDots } from "../plot/dots.ts";
import { drawLines } from "../plot/lines.ts";
import { drawParallel } from "../plot/parallel.ts";
import { decimal, element, type Html, joined, raw, table } from "./elements.ts";
import { page } from "./page.ts";
import { section } from "./sections.ts";
import { filesInWords, type InWords, wordsFor } from "./setting-words.ts";

/** Curves that one chart can tell apart. */
const CURVES = 4;

/** Equal reports give equal pages. */
export function renderSweep(report: SweepReport): string {
  const { best } = report;
  const about = joined([
    table({
      caption: "The sweep",
      head: ["", "value"],
      rows: [
        ["Model", report.model],
        ["Created", new Date(report.created_at * 1000).toISOString()],
        ["Training file", filesOf(report, "training_file")],
        ["Validation file", filesOf(report, "validation_file")],
        ["Search", report.search],
        ["Metric", `${report.metric}, ${report.goal}d`],
        ["Trials", String(report.trials.length)],
        ["Seed", String(report.seed)],
        ["Best", best === null ? "none" : `trial ${best.trial}, ${decimal(best.value)}: ${best.model ?? best.job}`],
      ],
    }),
  ]);
  return page({
    heading: "Report of a sweep",
    about,
    shown: [trialsOf(report), settingsOf(report), overview(report), curvesOf(report)].filter(
      (html) => html !== undefined,
    ),
  });
}

/** What all trials read, where no axis says otherwise. */
function filesOf(report: SweepReport, field: "training_file" | "validation_file"): string {
  if (report.axes.some(({ path }) => path === field)) return "of each trial";
  const files = field === "training_file" ? report.training_files : report.validation_files;
  if (files !== undefined) return filesInWords(files, (id) => id);
  return report[field] ?? "none";
}

function trialsOf({ trials, axes, metric }: SweepReport): Html {
  const inWords = wordsFor(trials);
  const paths = axes.map(({ path }) => path);
  const others = [...new Set(trials.flatMap(({ metrics }) => Object.keys(metrics ?? {})))].filter(
    (name) => name !== metric && /^(?:base_loss|tuned_loss|valid_)/.test(name),
  );
  const number = (value: number | null | undefined) => (value === null || value === undefined ? "—" : decimal(value));
  return section("trials", "The trials", [
    table({
      caption: `By number. Values are of ${metric}, as they were measured last.`,
      head: ["trial", "status", ...paths, "steps", metric, ...others, "note"],
      rows: trials.map((trial) => [
        String(trial.trial),
        trial.status,
        ...paths.map((path) => inWords(trial.settings[path])),
        trial.steps === null ? "—" : String(trial.steps),
        number(trial.value),
        ...others.map((name) => number(trial.metrics?.[name])),
        trial.reason ?? "",
      ]),
    }),
  ]);
}

function settingsOf({ axes, trials, metric, best }: SweepReport): Html | undefined {
  const inWords = wordsFor(trials);
  const shown = measured(trials);
  if (shown.length === 0) return undefined;
  const parts = axes.flatMap(({ path, groups }, index): Html[] => {
    const dots = shown.map((trial) => ({
      x: asCoordinate(trial.settings[path], inWords),
      y: trial.value,
      label: `trial ${trial.trial}`,
      kind:
        trial.trial === best?.trial
          ? ("best" as const)
          : trial.status === "succeeded"
            ? ("ended" as const)
            : ("stopped" as const),
    }));
    const words = groups.map(({ value, best: least, trials: n }) => `${inWords(value)}: ${decimal(least)} of ${n}`);
    return [
      figure(
        drawDots({
          id: `axis-${index}`,
          title: `${metric} against ${path}`,
          description: `A dot for each trial that was measured; the best is a diamond, and those that were stopped before their end, after fewer steps, are triangles. Best by value, of those that came to their end: ${words.join("; ")}.`,
          x: path,
          y: metric,
          dots,
        }),
      ),
      table({
        caption: `By ${path}, the value of the best trial first`,
        head: [path, "trials", "best", "mean"],
        rows: groups.map((group) => [
          inWords(group.value),
          String(group.trials),
          decimal(group.best),
          decimal(group.mean),
        ]),
      }),
    ];
  });
  return section("settings", "What each setting does", parts);
}

function overview({ axes, trials, metric, best }: SweepReport): Html | undefined {
  const inWords = wordsFor(trials);
  const shown = measured(trials);
  if (shown.length < 2) return undefined;
  const chart = drawParallel({
    id: "overview",
    title: "All settings at once",
    description: `A line for each of the ${shown.length} trials that were measured, through its settings to its ${metric}; the best stands out.`,
    axes: [...axes.map(({ path }) => path), metric],
    runs: shown.map((trial) => ({
      label: `trial ${trial.trial}`,
      values: [...axes.map(({ path }) => asCoordinate(trial.settings[path], inWords)), trial.value],
      marked: trial.trial === best?.trial,
    })),
  });
  return section("overview", "All settings at once", [figure(chart)]);
}

function curvesOf({ curves, trials, metric, goal }: SweepReport): Html | undefined {
  const worth = new Map(trials.map(({ trial, value }) => [trial, value ?? Number.NaN]));
  const sign = goal === "minimize" ? 1 : -1;
  const drawn = curves
    .filter(({ trial, steps }) => steps.length > 1 && Number.isFinite(worth.get(trial)))
    .toSorted((a, b) => sign * (worth.get(a.trial)! - worth.get(b.trial)!) || a.trial - b.trial)
    .slice(0, CURVES);
  if (drawn.length === 0) return undefined;
  const words = drawn.map(({ trial, values }) => `trial ${trial} ends at ${decimal(values.at(-1)!)}`);
  const chart = drawLines({
    id: "curves",
    title: `${metric} while training`,
    description: `Of the ${drawn.length} best trials: ${words.join(", ")}.`,
    x: { title: "step" },
    y: { title: metric },
    lines: drawn.map(({ trial, steps, values }) => ({
      name: `trial ${trial}`,
      points: steps.map((x, index) => ({ x, y: values[index]!, label: `step ${x}` })),
    })),
  });
  return section("curves", "How the best trials learned", [
    element("p", "Trials that were stopped count with their last value."),
    figure(chart),
  ]);
}

const figure = (svg: string): Html => raw(`<figure>${svg}</figure>`);

/** Those with a value: at their end, or where they were stopped. */
const measured = (trials: readonly ShownTrial[]) =>
  trials.filter(
    (trial): trial is ShownTrial & { value: number } =>
      (trial.status === "succeeded" || trial.status === "pruned") && trial.value !== null,
  );

function asCoordinate(value: unknown, inWords: InWords): number | string {
  return typeof value === "number" ? value : inWords(value);
}
