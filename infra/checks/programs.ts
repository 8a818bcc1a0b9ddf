/** Runs the programs that check the repository, from node_modules, in parallel if their callers want that. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { INTERRUPTED } from "./deadline-reporter.ts";
import { countTests, failuresOf, type Tally, unfinishedFiles } from "./tally.ts";

export const ROOT = join(import.meta.dirname, "../..");

export interface Outcome extends Tally {
  /** The output needed to fix it; empty if all is well. */
  readonly output: string;
}

export interface TestRun extends Tally {
  /** What failed, a text each. */
  readonly failures: readonly string[];
  /** The requested files without a complete result at the deadline. */
  readonly unfinished: readonly string[];
}

export interface TestOptions {
  /** A project of vitest.config.ts. */
  readonly project: string;
  /** Paths of test files relative to the root; if empty, every file of the project. */
  readonly files?: readonly string[];
  /** The time after which no test may start, in milliseconds since 1970. */
  readonly deadline?: number;
}

/** Runs a program to its end; it passes when it exits with 0. `program` is a path below node_modules. */
export async function runProgram(program: string, args: readonly string[]): Promise<Outcome> {
  const lines: string[] = [];
  const { status, error } = await node([program, ...args], { onLine: (line) => lines.push(line) });
  if (status === 0) return { passed: 1, failed: 0, output: "" };
  return { passed: 0, failed: 1, output: [...lines, error?.message].filter(Boolean).join("\n") };
}

/** Runs one project's tests in a separate vitest and prints its output, a whole line at a time. */
export async function runTests({ project, files = [], deadline }: TestOptions): Promise<TestRun> {
  const folder = mkdtempSync(join(tmpdir(), "trimtab-check-"));
  try {
    const report = join(folder, "vitest.json");
    const args = ["--project", project, "--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
    if (deadline !== undefined) args.push(`--reporter=${join(import.meta.dirname, "deadline-reporter.ts")}`);
    const { status } = await node(["vitest/vitest.mjs", "run", ...args, ...files], {
      onLine: (line) => console.log(line),
      env: deadline === undefined ? {} : { TRIMTAB_CHECK_DEADLINE: String(deadline) },
    });
    const text = readIfPresent(report);
    return {
      ...countTests(text, status === INTERRUPTED ? 0 : status),
      failures: failuresOf(text),
      unfinished: deadline === undefined ? [] : unfinishedFiles(text, files),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Ended {
  /** null if a signal ended it. */
  readonly status: number | null;
  readonly error?: Error;
}

function node(
  [program = "", ...args]: readonly string[],
  { onLine, env = {} }: { onLine: (line: string) => void; env?: NodeJS.ProcessEnv },
): Promise<Ended> {
  const child = spawn(process.execPath, [join(ROOT, "node_modules", program), ...args], {
    cwd: ROOT,
    env: { ...process.env, ...(process.stdout.isTTY ? { FORCE_COLOR: "1" } : {}), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  for (const stream of [child.stdout, child.stderr]) {
    let rest = "";
    stream.setEncoding("utf8");
    stream.on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) onLine(line);
    });
    stream.on("end", () => rest !== "" && onLine(rest));
  }
  return new Promise((resolve) => {
    child.once("error", (error) => resolve({ status: null, error }));
    child.once("close", (status) => resolve({ status }));
  });
}

function readIfPresent(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
