/** Reads how many tests passed from vitest's JSON report. */

export interface Tally {
  readonly passed: number;
  readonly failed: number;
}

interface FileReport {
  /** An absolute path. */
  readonly name: string;
  readonly status: string;
  readonly assertionResults: readonly { readonly status: string }[];
}

/** The parts of the report that are read. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly FileReport[];
}

/**
 * Counts tests. A file that could not be collected counts as one failure, and so does a run that failed in another way:
 * a crash without a report, an error outside every test.
 *
 * @param report the JSON report's text; undefined if vitest wrote none
 * @param status vitest's exit status; null if a signal ended it
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

/**
 * The requested files with a test that did not run, or that are missing from the report.
 *
 * @param report as for `countTests`
 * @param files paths relative to the repository's root
 */
export function unfinishedFiles(report: string | undefined, files: readonly string[]): string[] {
  const { testResults } = JSON.parse(report ?? '{"testResults":[]}') as Pick<Report, "testResults">;
  return files.filter((path) => {
    const file = testResults.find(({ name }) => name.endsWith(`/${path}`));
    if (file === undefined) return true;
    if (file.assertionResults.length === 0) return file.status !== "failed";
    return file.assertionResults.some(({ status }) => status !== "passed" && status !== "failed");
  });
}
