import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { Service, type ServiceOptions } from "../../../infra/start/service.ts";
import { lives } from "../../support/processes.ts";

// Every test starts several processes, which takes seconds on a busy machine.
vi.setConfig({ testTimeout: 60_000 });
const SOON = { timeout: 20_000, interval: 20 };

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "trimtab-service-"));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const PAUSES = { first: 20, longest: 80, healthy: 10_000 };

/** A shell that starts a child and writes both ids to the file `pids`. */
const WITH_CHILD = 'sleep 1000 & echo "$$ $!" > pids; echo started; wait';

function start(script: string, options: Partial<ServiceOptions> = {}): Service {
  const service = new Service({
    name: "test",
    command: ["sh", "-c", script],
    cwd: folder,
    env: process.env,
    logFile: join(folder, "log"),
    pauses: PAUSES,
    ...options,
  });
  onTestFinished(() => service.stop());
  return service;
}

async function pidsOf(cwd: string): Promise<number[]> {
  return await vi.waitFor(() => {
    const pids = readFileSync(join(cwd, "pids"), "utf8").split(" ").map(Number);
    expect(pids).toHaveLength(2);
    return pids;
  }, SOON);
}

async function untilGone(pids: readonly number[]): Promise<void> {
  await vi.waitFor(() => expect(pids.filter(lives)).toEqual([]), SOON);
}

test("logs, and stops the process with its children", async () => {
  const service = start(WITH_CHILD);
  const pids = await pidsOf(folder);
  expect(service.pid).toBe(pids[0]);
  await vi.waitFor(() => expect(readFileSync(join(folder, "log"), "utf8")).toBe("started\n"), SOON);
  await service.stop();
  expect(service.pid).toBeUndefined();
  await untilGone(pids);
});

test("a killed process is restarted, and its children are not left behind", async () => {
  const ends: string[] = [];
  const service = start(WITH_CHILD, { onEnd: (why) => ends.push(why) });
  const [first = 0, child = 0] = await pidsOf(folder);
  process.kill(first, "SIGKILL");
  await untilGone([first, child]);
  await vi.waitFor(() => expect(service.pid).toSatisfy((pid) => pid !== undefined && pid !== first), SOON);
  expect(ends).toEqual(["SIGKILL"]);
});

test("the pause doubles up to its limit while the process keeps failing", async () => {
  const ends: [string, number][] = [];
  const service = start("exit 3", { onEnd: (why, pause) => ends.push([why, pause]) });
  await vi.waitFor(() => expect(ends.length).toBeGreaterThanOrEqual(4), SOON);
  await service.stop();
  expect(ends.slice(0, 4)).toEqual([
    ["status 3", 20],
    ["status 3", 40],
    ["status 3", 80],
    ["status 3", 80],
  ]);
});

test("the pause resets once a process has run well", async () => {
  const pauses: number[] = [];
  start("exit 0", { pauses: { ...PAUSES, healthy: 0 }, onEnd: (_, pause) => pauses.push(pause) });
  await vi.waitFor(() => expect(pauses.length).toBeGreaterThanOrEqual(3), SOON);
  expect(new Set(pauses)).toEqual(new Set([20]));
});

test("a program that does not exist is reported and retried", async () => {
  const ends: string[] = [];
  start("", { command: ["/does/not/exist"], onEnd: (why) => ends.push(why) });
  await vi.waitFor(() => expect(ends.length).toBeGreaterThanOrEqual(2), SOON);
  expect(ends[0]).toBe("status 127");
  expect(readFileSync(join(folder, "log"), "utf8")).toContain("/does/not/exist");
});

test("stopping during a pause starts nothing", async () => {
  const service = start("exit 1", { pauses: { first: 60_000, longest: 60_000, healthy: 10_000 } });
  await vi.waitFor(() => expect(service.pid).toBeUndefined(), SOON);
  await service.stop();
  expect(service.pid).toBeUndefined();
});

test("when the parent is killed, the process gets SIGTERM and its group is killed", async () => {
  const file = join(import.meta.dirname, "../../../infra/start/service.ts");
  const script = `trap "touch asked; exit 0" TERM; ${WITH_CHILD}`;
  const parent = spawn(
    process.execPath,
    [
      "--input-type=module",
      "-e",
      `const { Service } = await import(${JSON.stringify(file)});
       new Service({ name: "a", command: ["sh", "-c", ${JSON.stringify(script)}], cwd: ${JSON.stringify(folder)},
         env: process.env, logFile: ${JSON.stringify(join(folder, "log"))} });`,
    ],
    { stdio: "ignore" },
  );
  const pids = await pidsOf(folder);
  parent.kill("SIGKILL");
  await untilGone(pids);
  expect(existsSync(join(folder, "asked"))).toBe(true);
});

test("a process that writes without end fills no disk, and its files are its user's alone", async () => {
  const service = start("while :; do echo 0123456789012345678901234567890123456789; done", {
    logLimits: { bytes: 20_000, copies: 2 },
  });
  await vi.waitFor(() => expect(existsSync(join(folder, "log.2"))).toBe(true), SOON);
  await service.stop();
  expect(readdirSync(folder).sort()).toEqual(["log", "log.1", "log.2"]);
  for (const copy of ["log.1", "log.2"]) expect(statSync(join(folder, copy)).size).toBeLessThan(40_100);
  const writer = start("echo secret > made; wait");
  await vi.waitFor(() => expect(statSync(join(folder, "made")).mode & 0o777).toBe(0o600), SOON);
  await writer.stop();
});
