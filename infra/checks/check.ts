/**
 * `npm run check`: the static checks (format, lint, types, boundaries, twins, paths) side by side, then the tests.
 * `npm run check -- lint types` runs only those; `npm run check -- quick` answers within a minute for the files that changed.
 * The last line is `N passed, N failed`, over checks and tests together; the exit status is 1 when anything failed.
 */
import { ROOT, runTests } from "./programs.ts";
import { quick } from "./quick.ts";
import { Scoreboard } from "./scoreboard.ts";
import { STATIC_CHECKS } from "./static-checks.ts";

/**
 * The projects of vitest.config.ts run side by side: each alone would sometimes only wait for a process to end or a
 * lease to lapse.
 */
const PROJECTS = ["e2e", "workerd", "node"];

const NAMES = [...Object.keys(STATIC_CHECKS), "tests"];

async function main(names: readonly string[]): Promise<void> {
  const board = new Scoreboard();
  if (names.length === 1 && names[0] === "quick") {
    await quick(board, { root: ROOT, checks: STATIC_CHECKS, runTests, now: Date.now });
    return board.finish();
  }
  const unknown = names.filter((name) => !NAMES.includes(name));
  if (unknown.length > 0) {
    const known = NAMES.join(", ");
    console.error(`There is no check called ${unknown.join(", ")}; there are ${known}, and quick by itself.`);
    process.exitCode = 2;
    return;
  }
  const wanted = names.length > 0 ? names : NAMES;
  const checks = Object.entries(STATIC_CHECKS).filter(([name]) => wanted.includes(name));
  await Promise.all(checks.map(([name, check]) => board.run(name, () => check(["."]))));
  if (wanted.includes("tests")) {
    await Promise.all(PROJECTS.map((project) => board.run(project, () => runTests({ project }))));
  }
  board.finish();
}

await main(process.argv.slice(2));
