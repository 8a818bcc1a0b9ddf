/** Reads from vitest's JSON report how many tests passed, and which did not. */

export interface Tally {
  readonly passed: number;
  readonly failed: number;
}

interface FileReport {
  /** An absolute path. */
  readonly name: string;
  readonly status: string;
  /** Why the file could not be collected. */
  readonly message?: string;
  readonly assertionResults: readonly {
    readonly status: string;
    readonly fullName?: string;
    readonly failureMessages?: readonly string[];
  }[];
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

/** The lines of a failure that are repeated; the rest is where the test ran. */
const QUOTED_LINES = 12;

/** A text for each test that failed, and for each file that could not be collected: where it is, and the start of the message. */
export function failuresOf(report: string | undefined): string[] {
  const { testResults } = JSON.parse(report ?? '{"testResults":[]}') as Pick<Report, "testResults">;
  const text = (where: string, messages: readonly string[] = []) =>
    [where, ...messages.flatMap((message) => message.split("\n").slice(0, QUOTED_LINES))].join("\n  ");
  return testResults.flatMap(({ name, status, message, assertionResults }) => {
    const failed = assertionResults.filter((test) => test.status === "failed");
    if (failed.length === 0) return status === "failed" ? [text(name, message === undefined ? [] : [message])] : [];
    return failed.map(({ fullName = "", failureMessages }) => text(`${name} > ${fullName}`, failureMessages));
  });
}
