import { expect, test } from "vitest";
import { countTests, failuresOf, unfinishedFiles } from "../../../infra/checks/tally.ts";

function report(passed: number, failed: number, files: { status: string; tests: number }[]): string {
  return JSON.stringify({
    numPassedTests: passed,
    numFailedTests: failed,
    testResults: files.map(({ status, tests }) => ({
      status,
      assertionResults: Array.from({ length: tests }, () => ({})),
    })),
  });
}

test("counts the tests", () => {
  expect(countTests(report(3, 0, [{ status: "passed", tests: 3 }]), 0)).toEqual({ passed: 3, failed: 0 });
  expect(countTests(report(2, 1, [{ status: "failed", tests: 3 }]), 1)).toEqual({ passed: 2, failed: 1 });
});

test("a file that cannot be collected is a failure", () => {
  const text = report(2, 1, [
    { status: "failed", tests: 3 },
    { status: "failed", tests: 0 },
  ]);
  expect(countTests(text, 1)).toEqual({ passed: 2, failed: 2 });
});

test("an error outside every test is a failure", () => {
  expect(countTests(report(3, 0, [{ status: "passed", tests: 3 }]), 1)).toEqual({ passed: 3, failed: 1 });
});

test("a run that wrote no report is a failure", () => {
  expect(countTests(undefined, null)).toEqual({ passed: 0, failed: 1 });
});

test("a file is unfinished when it is missing or was not collected in time, or when one of its tests did not run", () => {
  const text = JSON.stringify({
    testResults: [
      ["done", "failed", ["passed", "failed"]],
      ["cut", "passed", ["passed", "skipped"]],
      ["not-reached", "passed", ["pending"]],
      ["not-collected", "passed", []],
      ["broken", "failed", []],
    ].map(([name, status, statuses]) => ({
      name: `/repository/tests/${name}.test.ts`,
      status,
      assertionResults: (statuses as string[]).map((each) => ({ status: each })),
    })),
  });
  const pathsOf = (...names: string[]) => names.map((name) => `tests/${name}.test.ts`);
  const files = pathsOf("done", "cut", "not-reached", "not-collected", "broken", "missing");
  expect(unfinishedFiles(text, files)).toEqual(pathsOf("cut", "not-reached", "not-collected", "missing"));
  expect(unfinishedFiles(undefined, files)).toEqual(files);
});

test("each failure is told with its file, its name and its message; where it ran is left out", () => {
  const message = [
    "AssertionError: expected 1 to be 2",
    ...Array.from({ length: 30 }, (_, i) => `    at line ${i}`),
  ].join("\n");
  const text = JSON.stringify({
    testResults: [
      {
        name: "/r/tests/a.test.ts",
        status: "failed",
        assertionResults: [
          { status: "passed", fullName: "holds", failureMessages: [] },
          { status: "failed", fullName: "breaks", failureMessages: [message] },
        ],
      },
      { name: "/r/tests/b.test.ts", status: "failed", message: "SyntaxError: no", assertionResults: [] },
      { name: "/r/tests/c.test.ts", status: "passed", assertionResults: [] },
    ],
  });
  const [first, second, ...more] = failuresOf(text);
  expect(first).toMatch(/^\/r\/tests\/a\.test\.ts > breaks\n {2}AssertionError: expected 1 to be 2\n/);
  expect(first?.split("\n")).toHaveLength(13);
  expect(second).toBe("/r/tests/b.test.ts\n  SyntaxError: no");
  expect(more).toEqual([]);
  expect(failuresOf(undefined)).toEqual([]);
});
