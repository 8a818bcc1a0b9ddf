import type { Estimate } from "../intervals.ts";
import { calibration } from "./calibration.ts";
import { factRecall } from "./facts.ts";
import { instructionFollowing } from "./instruction-following.ts";
import { type Compared, compareMeasures, estimateOf, type Measure } from "./measure.ts";
import { register, stereotypes } from "./pairs.ts";
import { safety } from "./safety.ts";
import type { ChosenResult, GeneratedResult, Suite, SuiteItem, SuiteSource } from "./suite.ts";
import { zeroShotChoices, zeroShotWritten } from "./zero-shot.ts";

/** Every suite that ships. A suite's items are its own, which a list of suites does not tell. */
export const SUITES = [
  instructionFollowing,
  zeroShotChoices,
  zeroShotWritten,
  safety,
  stereotypes,
  register,
  factRecall,
  calibration,
] as unknown as readonly Suite[];

export function suiteNamed(name: string): Suite | undefined {
  return SUITES.find((suite) => suite.name === name);
}

/** A run of a suite: its items and one result or more for each, in the order of the items. */
export interface SuiteRun {
  readonly source: SuiteSource;
  readonly results: readonly (GeneratedResult | ChosenResult)[];
}

/** By score, in the order of the suite's `scores`; null where nothing was measured. */
export function summarise(suite: Suite, run: SuiteRun): Record<string, Estimate | null> {
  return mapScores(suite, measuresOf(suite, run), estimateOf);
}

/** Two models' runs on the same items. */
export function compareRuns(suite: Suite, before: SuiteRun, after: SuiteRun): Record<string, Compared | null> {
  const of = measuresOf(suite, before);
  return mapScores(suite, measuresOf(suite, after), (measure, name) => compareMeasures(of[name]!, measure));
}

function measuresOf(suite: Suite, { source, results }: SuiteRun): Readonly<Record<string, Measure>> {
  // A suite's results are of its mode, which its type cannot say for a list of suites.
  const { items, measure } = suite as unknown as {
    items: (source: SuiteSource) => readonly SuiteItem[];
    measure: (items: readonly SuiteItem[], results: SuiteRun["results"]) => Readonly<Record<string, Measure>>;
  };
  return measure(items(source), results);
}

function mapScores<T>(
  suite: Suite,
  measures: Readonly<Record<string, Measure>>,
  of: (one: Measure, name: string) => T,
) {
  const names = Object.keys(suite.scores);
  return Object.fromEntries(
    names.map((name) => [name, measures[name] === undefined ? null : of(measures[name], name)]),
  );
}
