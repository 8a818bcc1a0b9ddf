import { afterEach, expect, test, vi } from "vitest";
import { Scoreboard } from "../../../infra/checks/scoreboard.ts";
import type { Tally } from "../../../infra/checks/tally.ts";

afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

function printed() {
  const log = vi.spyOn(console, "log").mockImplementation(() => {});
  return () => log.mock.calls.map(([line]) => String(line).replace(/\d+\.\d s/, "N s"));
}

test("prints a line for each check when it ends, and the sum", async () => {
  const lines = printed();
  const board = new Scoreboard();
  const { promise, resolve } = Promise.withResolvers<Tally>();
  const slow = board.run("types:edge", () => promise);
  await board.run("tests", () => ({ passed: 12, failed: 0 }));
  resolve({ passed: 1, failed: 0 });
  await slow;
  board.finish();
  expect(lines()).toEqual(["tests        ok (N s)", "types:edge   ok (N s)", "13 passed, 0 failed"]);
  expect(process.exitCode).toBeUndefined();
});

test("prints what is wrong above the verdict, and lets the process fail", async () => {
  const lines = printed();
  const board = new Scoreboard();
  await board.run("lint", () => ({ passed: 0, failed: 1, output: "a.ts:1: no" }));
  await board.run("twins", () => ({ passed: 1, failed: 0, output: "" }));
  board.finish();
  expect(lines()).toEqual(["a.ts:1: no", "lint         FAILED (N s)", "twins        ok (N s)", "1 passed, 1 failed"]);
  expect(process.exitCode).toBe(1);
});

test("hands on what the check found", async () => {
  printed();
  const found = { passed: 3, failed: 0, unfinished: ["tests/a.test.ts"] };
  expect(await new Scoreboard().run("near", () => found)).toBe(found);
});

test("repeats above the last line which tests failed", async () => {
  const lines = printed();
  const board = new Scoreboard();
  await board.run("node", () => ({
    passed: 3,
    failed: 1,
    failures: ["tests/a.test.ts > breaks\n  no"],
    unfinished: [],
  }));
  await board.run("e2e", () => ({ passed: 1, failed: 0, failures: [], unfinished: [] }));
  board.finish();
  expect(lines().slice(-2)).toEqual(["FAILED node: tests/a.test.ts > breaks\n  no", "4 passed, 1 failed"]);
});
