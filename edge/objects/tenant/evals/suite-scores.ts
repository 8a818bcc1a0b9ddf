/** What the results of a suite's run come to. */
import type { EvalRun } from "../../../../shared/api/eval-runs.ts";
import { estimateOf, type Measure } from "../../../../shared/evaluation/suites/measure.ts";
import { suiteNamed } from "../../../../shared/evaluation/suites/registry.ts";
import type { ChosenResult, GeneratedResult, Suite, SuiteItem } from "../../../../shared/evaluation/suites/suite.ts";
import type { Database } from "../../database.ts";
import { recordOf, requireEval } from "./eval-rows.ts";
import { type ItemRow, resultOf } from "./item-rows.ts";
import { findRun } from "./run-rows.ts";

type Measures = Readonly<Record<string, Measure>>;

/**
 * What a suite measured in a run that has completed. null where the run is of no suite, or where an item could not be measured: what
 * is left of the items would give scores of other items than a run that has all of them.
 */
export function measuresOf(db: Database, run: string): { readonly suite: Suite; readonly measures: Measures } | null {
  const row = findRun(db, run);
  if (row?.status !== "completed" || row.errored > 0) return null;
  const { suite: name } = recordOf(requireEval(db, row.eval));
  const suite = name === undefined ? undefined : suiteNamed(name);
  if (suite === undefined) return null;
  const rows = db.all<ItemRow>("SELECT * FROM eval_items WHERE run = ? ORDER BY n", run);
  const items = rows.map(({ item }) => JSON.parse(item) as SuiteItem);
  const results = rows.map((item, index): GeneratedResult | ChosenResult => {
    const { results: of, sample } = resultOf(item);
    if (suite.mode === "choose") return { item: index, logprobs: of[0]!.logprobs as readonly number[] };
    const grades = Object.fromEntries(of.map(({ name: criterion, score }) => [criterion, score]));
    return { item: index, text: sample.output[0]?.content ?? "", grades };
  });
  // Results are of the suite's mode, which its type cannot say.
  const measure = suite.measure as unknown as (items: readonly SuiteItem[], results: readonly unknown[]) => Measures;
  return { suite, measures: measure(items, results) };
}

/** The scores of a suite's run, by the suite's names. */
export function scoresOf(db: Database, run: string): NonNullable<EvalRun["scores"]> | null {
  const found = measuresOf(db, run);
  if (found === null) return null;
  const { suite, measures } = found;
  return Object.fromEntries(
    Object.keys(suite.scores).map((name) => [name, measures[name] === undefined ? null : estimateOf(measures[name])]),
  );
}
