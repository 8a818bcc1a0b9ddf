import { expect, test, vi } from "vitest";
import { runProgram, runTests } from "../../../infra/checks/programs.ts";

vi.setConfig({ testTimeout: 120_000 });

test("a program that succeeds passes without a word", async () => {
  expect(await runProgram("typescript/bin/tsc", ["--version"])).toEqual({ passed: 1, failed: 0, output: "" });
});

test("a program that fails is quoted", async () => {
  const { output, ...tally } = await runProgram("typescript/bin/tsc", ["--no-such-option"]);
  expect(tally).toEqual({ passed: 0, failed: 1 });
  expect(output).toContain("--no-such-option");
});

test("a deadline that has passed leaves every file without a result, which is no failure", async () => {
  const log = vi.spyOn(console, "log").mockImplementation(() => {});
  const files = ["tests/infra/checks/twins.test.ts"];
  const run = await runTests({ project: "node", files, deadline: Date.now() });
  log.mockRestore();
  expect(run).toEqual({ passed: 0, failed: 0, failures: [], unfinished: files });
});
