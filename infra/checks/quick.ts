/**
 * `npm run check -- quick`: an answer within a minute for the files that changed. The static checks and the tests that
 * the change concerns start together; after `SECONDS` no further test starts. Lists skipped tests by name.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { changedFiles } from "./changes.ts";
import { sourceFiles, testFiles, testSideFiles } from "./files.ts";
import type { TestOptions, TestRun } from "./programs.ts";
import { type Plan, planTests } from "./quick-plan.ts";
import { type Related, references, relatedTests } from "./related-tests.ts";
import type { Scoreboard } from "./scoreboard.ts";
import type { StaticCheck } from "./static-checks.ts";

/** The minute, less the time that a running test, and vitest's start and end, may take. */
const SECONDS = 45;
/** With less time, another run of vitest barely reaches its first test. */
const LEAST_SECONDS = 5;

export interface QuickOptions {
  /** The repository. */
  readonly root: string;
  readonly checks: Readonly<Record<string, StaticCheck>>;
  readonly runTests: (options: TestOptions) => Promise<TestRun>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Runs everything on the board and prints the skipped tests with reasons. */
export async function quick(board: Scoreboard, { root, checks, runTests, now }: QuickOptions): Promise<void> {
  const deadline = now() + SECONDS * 1000;
  const { since, paths } = changedFiles(root);
  console.log(`${paths.length} changed since ${since}${paths.length === 0 ? "" : `: ${paths.join(", ")}`}`);
  const texts = [...sourceFiles(root), ...testSideFiles(root)].map(
    (path) => [path, readFileSync(join(root, path), "utf8")] as const,
  );
  const related = relatedTests(paths, references(new Map(texts)));
  const plan = planTests({ changed: paths, related, tests: testFiles(root) });
  const present = paths.filter((path) => existsSync(join(root, path)));

  /** Runs the near tests of a project, then the far ones; returns those that did not run. */
  const test = async (project: string, { near, far }: Related): Promise<string[]> => {
    const late: string[] = [];
    for (const [name, files] of Object.entries({ near, far })) {
      if (files.length === 0) continue;
      if (deadline - now() < LEAST_SECONDS * 1000) late.push(...files);
      else
        late.push(...(await board.run(`${project} ${name}`, () => runTests({ project, files, deadline }))).unfinished);
    }
    return late;
  };
  const [node, workerd] = await Promise.all([
    test("node", plan.node),
    test("workerd", plan.workerd),
    ...Object.entries(checks)
      .filter(([name]) => present.length > 0 || (name !== "format" && name !== "lint"))
      .map(([name, check]) => board.run(name, () => check(present))),
  ]);
  printLeftOut(plan, [...node, ...workerd]);
}

function printLeftOut({ leftOut }: Plan, late: readonly string[]): void {
  const all = [...leftOut, ...late.map((path) => [path, "the minute was over"] as const)];
  if (all.length === 0) return;
  console.log("\nLeft out; `npm test` runs everything:");
  for (const [path, why] of all) console.log(`  ${path}: ${why}`);
}
