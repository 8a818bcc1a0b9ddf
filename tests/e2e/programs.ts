/** Starts the project's programs as a user would, in processes of their own. */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { expect, vi } from "vitest";

export const ROOT = join(import.meta.dirname, "../..");

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Program {
  readonly child: ChildProcess;
  /** What it has printed on standard error so far. */
  readonly stderr: () => string;
  readonly ended: Promise<Ended>;
}

export function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Program {
  const child = spawn(command, args, { cwd: ROOT, env: { ...process.env, ...env } });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  child.stdin.end();
  const ended = new Promise<Ended>((resolve) => {
    child.once("close", (status) => resolve({ status, stdout, stderr }));
  });
  return { child, stderr: () => stderr, ended };
}

/** Runs a program to its end; fails with its words when it fails. */
export async function finish(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const ended = await run(command, args, env).ended;
  expect(ended.status, `${command} ${args.join(" ")}\n${ended.stderr}`).toBe(0);
  return ended;
}

export async function untilHealthy(url: string): Promise<void> {
  await vi.waitFor(async () => expect((await fetch(`${url}/healthz`)).ok).toBe(true), {
    timeout: 60_000,
    interval: 100,
  });
}
