/** A job's report as one HTML file: no scripts, nothing that is loaded, readable by keyboard and screen reader. */
import type { JobReport } from "../api/job-report.ts";
import { escaped } from "../plot/chart.ts";
import { element, joined, table } from "./elements.ts";
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

/** What the page may load: its own styles. The same is sent as a header with it. */
export const REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const STYLE = `
:root{color-scheme:light dark;--line:#d8dee4;--soft:#f6f8fa;--quiet:#59636e}
@media (prefers-color-scheme:dark){:root{--line:#30363d;--soft:#161b22;--quiet:#9198a1}}
body{font:16px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif;max-width:60rem;margin:0 auto;padding:1rem}
h1{font-size:1.6rem}h2{font-size:1.25rem;margin-top:2.5rem;border-bottom:1px solid var(--line)}h3{font-size:1rem;margin:.75rem 0 .25rem}
.scroll{overflow-x:auto}table{border-collapse:collapse;margin:.75rem 0}caption{text-align:left;color:var(--quiet);padding-bottom:.25rem}
th,td{text-align:left;vertical-align:top;padding:.3rem .75rem .3rem 0;border-bottom:1px solid var(--line)}th[scope=row]{font-weight:500}
figure{margin:1rem 0;overflow-x:auto}svg{max-width:100%;height:auto}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--soft);padding:.5rem;margin:.25rem 0}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(16rem,1fr));gap:1rem}
details{border:1px solid var(--line);border-radius:6px;padding:.5rem .75rem;margin:.5rem 0}summary{cursor:pointer}
.skip{position:absolute;left:-100rem}.skip:focus{position:static}
`;

/** Equal reports give equal pages. */
export function renderReport(report: JobReport): string {
  const shown = SECTIONS.flatMap((section) => section(report) ?? []);
  const heading = `Report of a ${report.type} job`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${escaped(REPORT_POLICY)}">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>${escaped(heading)}</title>
<style>${STYLE}</style>
</head>
<body>
<a class="skip" href="#report">To the figures</a>
<header>
<h1>${escaped(heading)}</h1>
${about(report).html}
</header>
<main id="report">
${joined(shown).html}
</main>
</body>
</html>
`;
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
