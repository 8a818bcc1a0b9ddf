import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";

const CHECK = join(import.meta.dirname, "../../../infra/checks/check.ts");

function check(...args: string[]) {
  return spawnSync(process.execPath, [CHECK, ...args], { encoding: "utf8" });
}

test("runs the named checks and ends with their count", () => {
  const { stdout, status } = check("boundaries");
  const [, verdict, passed, failed] =
    /^boundaries {3}(ok|FAILED) \(\d+\.\d s\)\n(\d) passed, (\d) failed\n$/m.exec(stdout) ?? [];
  expect([verdict, passed, failed, status]).toEqual(status === 0 ? ["ok", "1", "0", 0] : ["FAILED", "0", "1", 1]);
});

test("a check that does not exist is named", () => {
  const { stderr, status } = check("boundary");
  expect(stderr).toContain("There is no check called boundary; there are format, lint, types,");
  expect(status).toBe(2);
});

test("quick stands by itself", () => {
  const { stderr, status } = check("lint", "quick");
  expect(stderr).toMatch(/^There is no check called quick; there are .*, and quick by itself\.$/m);
  expect(status).toBe(2);
});
