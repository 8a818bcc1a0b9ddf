/** Two runs of an eval on the same items, compared item by item. */
import type { ReportCompared } from "../../../../shared/api/job-report.ts";
import { changeOf, meanOf, shareChangeOf, shareOf } from "../../../../shared/evaluation/intervals.ts";
import { compareMeasures } from "../../../../shared/evaluation/suites/measure.ts";
import type { Database } from "../../database.ts";
import { type EvalRow, requireEval } from "./eval-rows.ts";
import { type ItemRow, resultOf } from "./item-rows.ts";
import type { JobEvalResult } from "./job-eval-rows.ts";
import { criterionNames, type RunRow } from "./run-rows.ts";
import { measuresOf } from "./suite-scores.ts";

interface Judged {
  readonly score: number;
  readonly passed: boolean;
}

/** By the item's place: whether it passed, and what each criterion said of it. Items that could not be judged are missing. */
type Outcomes = ReadonlyMap<number, { readonly passed: boolean; readonly criteria: readonly (Judged | undefined)[] }>;

export function compareEvalRuns(db: Database, before: RunRow, after: RunRow): JobEvalResult {
  const of: EvalRow = requireEval(db, before.eval);
  const [was, is] = [outcomesOf(db, before.id), outcomesOf(db, after.id)];
  const both = [...was.keys()].filter((n) => is.has(n));
  const passed = (outcomes: Outcomes) => both.map((n) => (outcomes.get(n)!.passed ? 1 : 0));
  const criteria = criterionNames(of).map((testing_criteria, index) => {
    const judged = (outcomes: Outcomes) => both.map((n) => outcomes.get(n)!.criteria[index]);
    const [a, b] = [judged(was), judged(is)];
    const pairs = a.flatMap((one, i): [Judged, Judged][] => (one && b[i] ? [[one, b[i]]] : []));
    const shares = (side: 0 | 1) => pairs.map((pair) => (pair[side].passed ? 1 : 0));
    const scores = (side: 0 | 1) => pairs.map((pair) => pair[side].score);
    return {
      testing_criteria,
      pass_rate: sharesCompared(shares(0), shares(1)),
      score: meansCompared(scores(0), scores(1)),
    };
  });
  return { pass_rate: sharesCompared(passed(was), passed(is)), criteria, ...suiteScores(db, before.id, after.id) };
}

function outcomesOf(db: Database, run: string): Outcomes {
  const rows = db.all<Pick<ItemRow, "n" | "status" | "result">>(
    "SELECT n, status, result FROM eval_items WHERE run = ? AND status IN ('pass', 'fail') ORDER BY n",
    run,
  );
  return new Map(
    rows.map((row) => {
      const { results, criteria } = resultOf(row);
      const judged: (Judged | undefined)[] = [];
      for (const [index, { score, passed }] of results.entries()) judged[criteria[index]!] = { score, passed };
      return [row.n, { passed: row.status === "pass", criteria: judged }];
    }),
  );
}

const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);

function sharesCompared(before: readonly number[], after: readonly number[]): ReportCompared {
  return {
    before: shareOf(total(before), before.length),
    after: shareOf(total(after), after.length),
    change: shareChangeOf(before, after),
  };
}

function meansCompared(before: readonly number[], after: readonly number[]): ReportCompared {
  return { before: meanOf(before), after: meanOf(after), change: changeOf(before, after) };
}

function suiteScores(db: Database, before: string, after: string): Pick<JobEvalResult, "scores"> {
  const [was, is] = [measuresOf(db, before), measuresOf(db, after)];
  if (was === null || is === null) return {};
  const scores = Object.keys(is.suite.scores).map((name) => {
    const [a, b] = [was.measures[name], is.measures[name]];
    return [name, a === undefined || b === undefined ? null : compareMeasures(a, b)] as const;
  });
  return { scores: Object.fromEntries(scores) };
}
