/** The checks that read the repository without running it. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { boundaryViolations, missingPlaces } from "./boundaries.ts";
import { importCycles } from "./cycles.ts";
import { sourceFiles, testFiles } from "./files.ts";
import { missingNamedPaths } from "./named-paths.ts";
import { type Outcome, ROOT, runProgram } from "./programs.ts";
import { TWIN_EXEMPTIONS } from "./twin-exemptions.ts";
import { missingTwins } from "./twins.ts";

/**
 * Format and lint look at the given files and folders, the others always at everything: a change may break files that
 * it does not touch.
 */
export type StaticCheck = (paths: readonly string[]) => Outcome | Promise<Outcome>;

const BIOME = "@biomejs/biome/bin/biome";
/** Ignored files, and those that biome cannot read, may be among the paths. */
const BIOME_FLAGS = ["--colors=off", "--no-errors-on-unmatched", "--files-ignore-unknown=true"];
/** One thread: several would each check the same library types again and take twice the processor time. */
const TSC_FLAGS = ["--noEmit", "--singleThreaded"];
/** The documents whose paths must exist. */
const DOCUMENTS = ["README.md", "CONTRIBUTING.md"];

export const STATIC_CHECKS: Readonly<Record<string, StaticCheck>> = {
  format: (paths) => runProgram(BIOME, ["format", ...BIOME_FLAGS, ...paths]),
  lint: (paths) =>
    runProgram(BIOME, ["check", "--formatter-enabled=false", "--error-on-warnings", ...BIOME_FLAGS, ...paths]),
  types: () => runProgram("typescript/bin/tsc", [...TSC_FLAGS, "-p", "."]),
  "types:edge": () => runProgram("typescript/bin/tsc", [...TSC_FLAGS, "-p", "edge"]),
  "types:effects": () => runProgram("typescript/bin/tsc", [...TSC_FLAGS, "-p", "tests/effects"]),
  boundaries: () => {
    const sources = new Map(sourceFiles(ROOT).map((path) => [path, readFileSync(join(ROOT, path), "utf8")]));
    const violations = [...sources].flatMap(([path, text]) => boundaryViolations(path, text));
    return list([...violations, ...missingPlaces([...sources.keys()]), ...importCycles(sources)]);
  },
  paths: () =>
    list(
      DOCUMENTS.flatMap((document) =>
        missingNamedPaths(document, readFileSync(join(ROOT, document), "utf8"), (path) => existsSync(join(ROOT, path))),
      ),
    ),
  twins: () => list(missingTwins(sourceFiles(ROOT), testFiles(ROOT), TWIN_EXEMPTIONS)),
};

function list(wrong: readonly string[]): Outcome {
  return wrong.length === 0 ? { passed: 1, failed: 0, output: "" } : { passed: 0, failed: 1, output: wrong.join("\n") };
}
