/** Reads how many tests passed from vitest's JSON report. */

export interface Tally {
  readonly passed: number;
  readonly failed: number;
}

/** The parts of the report that are read. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly unknown[] }[];
}

/**
 * Counts tests. A file that could not be collected counts as one failure, and so does a run that failed in another way:
 * a crash without a report, an error outside every test.
 *
 * @param report the JSON report's text; undefined where vitest wrote none
 * @param status vitest's exit status; null where a signal ended it
 */
export function countTests(report: string | undefined, status: number | null): Tally {
  if (report === undefined) return { passed: 0, failed: 1 };
  const { numPassedTests, numFailedTests, testResults } = JSON.parse(report) as Report;
  const uncollected = testResults.filter(
    (file) => file.status === "failed" && file.assertionResults.length === 0,
  ).length;
  const failed = numFailedTests + uncollected;
  return { passed: numPassedTests, failed: failed === 0 && status !== 0 ? 1 : failed };
}
