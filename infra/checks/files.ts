/** The repository's own source files, found by walking its folders. */
import { readdirSync } from "node:fs";
import { join, relative, sep } from "node:path";

const SOURCE_FOLDERS = ["shared", "edge", "trainer", "infra"];
const PASSED_OVER = new Set(["node_modules", "generated", "golden"]);

/** Paths relative to `root`, with forward slashes, sorted. Declarations (`.d.ts`, `.d.mts`) are left out. */
export function sourceFiles(root: string): string[] {
  return SOURCE_FOLDERS.flatMap((folder) => filesBelow(root, folder)).filter((path) => !/\.d\.m?ts$/.test(path));
}

/** Paths relative to `root`, with forward slashes, sorted. */
export function testFiles(root: string): string[] {
  return testSideFiles(root).filter((path) => path.endsWith(".test.ts"));
}

/** Tests and what they are built from: paths relative to `root`, with forward slashes, sorted. */
export function testSideFiles(root: string): string[] {
  return filesBelow(root, "tests");
}

function filesBelow(root: string, folder: string): string[] {
  let entries: ReturnType<typeof list>;
  try {
    entries = list(join(root, folder));
  } catch {
    return [];
  }
  return entries
    .filter((entry) => entry.isFile() && /\.(ts|mts|mjs)$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .filter((path) => !path.split("/").some((part) => PASSED_OVER.has(part)))
    .sort();
}

function list(folder: string) {
  return readdirSync(folder, { recursive: true, withFileTypes: true });
}
