import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { sourceFiles, testFiles, testSideFiles } from "../../../infra/checks/files.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "trimtab-files-"));
  for (const path of [
    "shared/b.ts",
    "shared/graph/a.ts",
    "shared/graph/notes.md",
    "edge/runtime/types.d.ts",
    "edge/runtime/generated/glue.mjs",
    "infra/start/first.mjs",
    "infra/start/first.d.mts",
    "tests/shared/b.test.ts",
    "tests/golden/make/c.test.ts",
    "tests/shared/fixture.ts",
    "node_modules/x/index.ts",
  ]) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), "");
  }
});

afterEach(() => rmSync(root, { recursive: true }));

test("sources are the project's own, without declarations and generated files", () => {
  expect(sourceFiles(root)).toEqual(["shared/b.ts", "shared/graph/a.ts", "infra/start/first.mjs"]);
});

test("tests are the files that vitest runs", () => {
  expect(testFiles(root)).toEqual(["tests/shared/b.test.ts"]);
});

test("what the tests are built from is found with them", () => {
  expect(testSideFiles(root)).toEqual(["tests/shared/b.test.ts", "tests/shared/fixture.ts"]);
});
