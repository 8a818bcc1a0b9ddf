/** A job's report as one HTML file. */
import type { JobReport } from "../api/job-report.ts";
import { element, joined, table } from "./elements.ts";
import { page } from "./page.ts";
import * as sections from "./sections.ts";

/** In the order of the page. */
const SECTIONS: readonly sections.Section[] = [
  sections.winRate,
  sections.preferences,
  sections.completions,
  sections.divergence,
  sections.tax,
  sections.fidelity,
  sections.styles,
  sections.texts,
  sections.hacking,
  sections.steps,
  sections.calibration,
  sections.samples,
  sections.missing,
];

/** Equal reports give equal pages. */
export function renderReport(report: JobReport): string {
  const shown = SECTIONS.flatMap((section) => section(report) ?? []);
  const heading = `Report of a ${report.type} job`;
  return page({ heading, about: about(report), shown });
}

function about(report: JobReport) {
  const { budget } = report;
  return joined([
    table({
      caption: "The job",
      head: ["", "value"],
      rows: [
        ["Base", report.base],
        ["Created", new Date(report.created_at * 1000).toISOString()],
        ["Training file", report.training_file],
        ["Validation file", report.validation_file ?? "none"],
        ["Steps", String(report.steps_trained)],
        ["Seed", String(report.seed)],
      ],
    }),
    budget && element("p", askedOf(report, budget)),
  ]);
}

function askedOf({ continues }: JobReport, budget: NonNullable<JobReport["budget"]>): string {
  const where = budget.held_out ? "of the validation file" : "of the training file, so they are not held out";
  const often = budget.samples === 1 ? "once" : `${budget.samples} times`;
  return `“Before” is the model that the job started from${continues ? ", itself a tuned one" : ""}; “after” is the tuned one. Both answered ${budget.prompts} prompts ${where}, ${often}, with up to ${budget.max_tokens} tokens. Intervals are of 95 %: Wilson's for shares, Student's for means and their changes, Agresti and Min's for changes of shares.`;
}
