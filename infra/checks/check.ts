/**
 * `npm run check`: format, lint, types, boundaries, twins and tests, in this order; `npm run check -- lint types` runs only
 * those. The last line is `N passed, N failed`, over checks and tests together; the exit status is 1 when anything failed.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { boundaryViolations, missingPlaces } from "./boundaries.ts";
import { importCycles } from "./cycles.ts";
import { sourceFiles, testFiles } from "./files.ts";
import { countTests, type Tally } from "./tally.ts";
import { TWIN_EXEMPTIONS } from "./twin-exemptions.ts";
import { missingTwins } from "./twins.ts";

const ROOT = join(import.meta.dirname, "../..");

interface Outcome extends Tally {
  /** What a person needs to mend it; empty when all is well. */
  readonly output: string;
}

const STEPS: Readonly<Record<string, () => Outcome>> = {
  format: () => command("@biomejs/biome/bin/biome", ["format", "--colors=off", "."]),
  lint: () =>
    command("@biomejs/biome/bin/biome", [
      "check",
      "--formatter-enabled=false",
      "--error-on-warnings",
      "--colors=off",
      ".",
    ]),
  types: () => command("typescript/bin/tsc", ["--noEmit", "-p", "."]),
  "types:edge": () => command("typescript/bin/tsc", ["--noEmit", "-p", "edge"]),
  boundaries: () => {
    const sources = new Map(sourceFiles(ROOT).map((path) => [path, readFileSync(join(ROOT, path), "utf8")]));
    const violations = [...sources].flatMap(([path, text]) => boundaryViolations(path, text));
    return list([...violations, ...missingPlaces([...sources.keys()]), ...importCycles(sources)]);
  },
  twins: () => list(missingTwins(sourceFiles(ROOT), testFiles(ROOT), TWIN_EXEMPTIONS)),
  tests,
};

function command(program: string, args: readonly string[]): Outcome {
  const run = spawnSync(process.execPath, [join(ROOT, "node_modules", program), ...args], {
    cwd: ROOT,
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  if (run.status === 0) return { passed: 1, failed: 0, output: "" };
  return { passed: 0, failed: 1, output: [run.stdout, run.stderr, run.error?.message].filter(Boolean).join("\n") };
}

function list(wrong: readonly string[]): Outcome {
  return wrong.length === 0 ? { passed: 1, failed: 0, output: "" } : { passed: 0, failed: 1, output: wrong.join("\n") };
}

/** vitest prints its own progress; the counts come from its JSON report. */
function tests(): Outcome {
  const folder = mkdtempSync(join(tmpdir(), "trimtab-check-"));
  try {
    const report = join(folder, "vitest.json");
    const args = ["run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
    const vitest = join(ROOT, "node_modules/vitest/vitest.mjs");
    const { status } = spawnSync(process.execPath, [vitest, ...args], {
      cwd: ROOT,
      stdio: ["ignore", "inherit", "inherit"],
    });
    return { ...countTests(readIfPresent(report), status), output: "" };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readIfPresent(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

function main(names: readonly string[]): void {
  const unknown = names.filter((name) => !(name in STEPS));
  if (unknown.length > 0) {
    console.error(`There is no check called ${unknown.join(", ")}; there are ${Object.keys(STEPS).join(", ")}.`);
    process.exitCode = 2;
    return;
  }
  let passed = 0;
  let failed = 0;
  for (const [name, step] of Object.entries(STEPS)) {
    if (names.length > 0 && !names.includes(name)) continue;
    const started = performance.now();
    const outcome = step();
    passed += outcome.passed;
    failed += outcome.failed;
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    if (outcome.output !== "") console.log(outcome.output);
    console.log(`${name.padEnd(11)} ${outcome.failed === 0 ? "ok" : "FAILED"} (${seconds} s)`);
  }
  console.log(`${passed} passed, ${failed} failed`);
  if (failed > 0) process.exitCode = 1;
}

main(process.argv.slice(2));
