/** What evals measured of a job, before and after, as a part of its report's page, or as a page of its own. */
import type { Job } from "../api/jobs.ts";
import { COMPARED_HEAD, comparedRow, element, type Html, joined, NUMBERS, SHARES, table } from "./elements.ts";
import { page } from "./page.ts";

type JobEvals = NonNullable<Job["evals"]>;

export function evalsSection(evals: JobEvals): Html {
  const intro =
    "Each eval was run on the model that the job started from, and on its result. Intervals are of 95 %; a change is that of the same items, in pairs.";
  const parts = evals.flatMap((one) => [element("h3", titleOf(one)), partOf(one)]);
  const heading = element("h2", "Evals, before and after", 'id="evals"');
  return element("section", joined([heading, element("p", intro), ...parts]), 'aria-labelledby="evals"');
}

function titleOf({ name, suite, eval_id: id }: JobEvals[number]): string {
  const what = name === "" ? id : name;
  return suite === undefined ? what : `${what} (${suite})`;
}

function partOf({ status, error, pass_rate: rate, criteria, scores = {} }: JobEvals[number]): Html {
  if (status === "failed") return element("p", `There is no comparison: ${error ?? "it failed"}.`);
  if (rate === null) return element("p", "Its runs have not ended.");
  return joined([
    table({
      caption: "Share of items that pass",
      head: COMPARED_HEAD,
      rows: [
        comparedRow("every criterion", rate, SHARES),
        ...criteria.map((one) => comparedRow(one.testing_criteria, one.pass_rate, SHARES)),
      ],
    }),
    table({
      caption: "Mean score",
      head: COMPARED_HEAD,
      rows: criteria.map((one) => comparedRow(one.testing_criteria, one.score, NUMBERS)),
    }),
    Object.keys(scores).length > 0 &&
      table({
        caption: "Scores of the suite",
        head: COMPARED_HEAD,
        rows: Object.entries(scores).map(([name, of]) =>
          of === null ? [name, "—", "—", "—"] : comparedRow(name, of, NUMBERS),
        ),
      }),
  ]);
}

/** A report's page with the evals as its last section. */
export function withEvals(report: string, evals: JobEvals): string {
  const end = report.lastIndexOf("</main>");
  return end < 0 ? report : `${report.slice(0, end)}${evalsSection(evals).html}\n${report.slice(end)}`;
}

/** The page of a job whose type makes no report. */
export function evalsPage({ id, method }: Pick<Job, "id" | "method">, evals: JobEvals): string {
  const heading = `Report of a ${method.type} job`;
  return page({ heading, about: element("p", `The job ${id}.`), shown: [evalsSection(evals)] });
}
