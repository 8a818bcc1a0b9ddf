import { expect, it } from "vitest";
import type { JobEval } from "../../../shared/api/job-evals.ts";
import { evalsPage, withEvals } from "../../../shared/report/job-evals.ts";

const share = (value: number) => ({ value, low: value - 0.1, high: value + 0.1, n: 10 });
const compared = { before: share(0.2), after: share(0.7), change: share(0.5) };
const base = { eval_id: "eval_1", before_run: "evalrun_1", after_run: "evalrun_2" };
const evals: JobEval[] = [
  {
    ...base,
    name: "tone <b>",
    suite: "register",
    status: "completed",
    error: null,
    pass_rate: compared,
    criteria: [{ testing_criteria: "polite", pass_rate: compared, score: compared }],
    scores: { shift: compared, empty: null },
  },
  { ...base, name: "", status: "failed", error: "a run was deleted", pass_rate: null, criteria: [] },
  { ...base, name: "late", status: "waiting", error: null, pass_rate: null, criteria: [] },
];

it("shows every eval with its differences, or why there are none", () => {
  const page = evalsPage({ id: "ftjob-1", method: { type: "supervised" } as never }, evals);
  const told = [
    "tone &lt;b&gt; (register)",
    "polite",
    "+50.0 points (+40.0 points to +60.0 points), n = 10",
    "shift",
    "+0.500",
  ];
  for (const text of [...told, "eval_1", "There is no comparison: a run was deleted.", "Its runs have not ended."]) {
    expect(page).toContain(text);
  }
  expect(page).not.toContain("<b>");
});

it("is the last section of a report that there is", () => {
  const page = withEvals("<main>\nfigures\n</main>\n</body>", evals);
  expect(page.indexOf("figures")).toBeLessThan(page.indexOf('id="evals"'));
  expect(page.indexOf('id="evals"')).toBeLessThan(page.indexOf("</main>"));
  expect(withEvals("no page", evals)).toBe("no page");
});
