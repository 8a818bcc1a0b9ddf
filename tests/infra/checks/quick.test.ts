import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { TestOptions } from "../../../infra/checks/programs.ts";
import { quick } from "../../../infra/checks/quick.ts";
import { Scoreboard } from "../../../infra/checks/scoreboard.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "trimtab-quick-"));
  execFileSync("git", ["init", "--quiet", "--initial-branch=main"], { cwd: root });
  for (const [path, text] of Object.entries({
    "shared/a.ts": "",
    "shared/b.ts": 'import "./a.ts";',
    "tests/shared/a.test.ts": 'import "../../shared/a.ts";',
    "tests/shared/b.test.ts": 'import "../../shared/b.ts";',
    "tests/edge/b.test.ts": 'import "../../shared/b.ts";',
    "tests/e2e/b.test.ts": 'import "../../shared/b.ts";',
    "wrangler.toml": "",
  })) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  execFileSync("git", ["add", "--all"], { cwd: root });
  execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "--quiet", "-m", "a"], { cwd: root });
});

afterEach(() => {
  rmSync(root, { recursive: true });
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

interface Ran {
  /** Runs of vitest in order. */
  readonly runs: TestOptions[];
  /** What each static check was given. */
  readonly checked: Record<string, readonly string[]>;
  readonly lines: readonly string[];
}

/** A quick check whose runs of vitest take `seconds` each and leave `unfinished` behind. */
async function check({ seconds = 1, unfinished = [] as string[] } = {}): Promise<Ran> {
  const log = vi.spyOn(console, "log").mockImplementation(() => {});
  const runs: TestOptions[] = [];
  const checked: Record<string, readonly string[]> = {};
  let clock = 1_000_000;
  const ok = { passed: 1, failed: 0 };
  const note = (name: string) => (paths: readonly string[]) => {
    checked[name] = paths;
    return { ...ok, output: "" };
  };
  const board = new Scoreboard();
  await quick(board, {
    root,
    now: () => clock,
    checks: { format: note("format"), types: note("types") },
    runTests: async (options) => {
      runs.push(options);
      clock += seconds * 1000;
      return { ...ok, failures: [], unfinished: unfinished.filter((path) => options.files?.includes(path)) };
    },
  });
  return { runs, checked, lines: log.mock.calls.map(([line]) => String(line)) };
}

const filesOf = (runs: readonly TestOptions[], project: string) =>
  runs.filter((run) => run.project === project).map(({ files }) => files);

test("runs the twin first, then what imports the change, and the tests of workerd beside them", async () => {
  writeFileSync(join(root, "shared/a.ts"), "// changed");
  const { runs, checked, lines } = await check();
  expect(lines[0]).toBe("1 changed since the last commit: shared/a.ts");
  expect(filesOf(runs, "node")).toEqual([["tests/shared/a.test.ts"], ["tests/shared/b.test.ts"]]);
  expect(filesOf(runs, "workerd")).toEqual([["tests/edge/b.test.ts"]]);
  expect(new Set(runs.map(({ deadline }) => deadline))).toEqual(new Set([1_045_000]));
  expect(checked).toEqual({ format: ["shared/a.ts"], types: ["shared/a.ts"] });
  expect(lines.slice(-2)).toEqual([
    "\nLeft out; `npm test` runs everything:",
    "  tests/e2e/b.test.ts: starts whole stacks",
  ]);
});

test("names the files that time did not suffice for", async () => {
  writeFileSync(join(root, "shared/a.ts"), "// changed");
  const { runs, lines } = await check({ seconds: 41, unfinished: ["tests/edge/b.test.ts"] });
  expect(filesOf(runs, "node")).toEqual([["tests/shared/a.test.ts"]]);
  expect(lines.slice(-2)).toEqual([
    "  tests/shared/b.test.ts: the minute was over",
    "  tests/edge/b.test.ts: the minute was over",
  ]);
});

test("a deleted file is neither formatted nor linted, but its tests run", async () => {
  rmSync(join(root, "shared/b.ts"));
  const { runs, checked } = await check();
  expect(checked).toEqual({ types: [] });
  expect(filesOf(runs, "node")).toEqual([["tests/shared/b.test.ts"]]);
});

test("with nothing to compare, only the checks of everything run", async () => {
  const { runs, checked, lines } = await check();
  expect(lines[0]).toBe("0 changed since the commit before");
  expect(runs).toEqual([]);
  expect(checked).toEqual({ types: [] });
});
