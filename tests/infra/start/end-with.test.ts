import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";

vi.setConfig({ testTimeout: 60_000 });

const FILE = JSON.stringify(join(import.meta.dirname, "../../../infra/start/end-with.ts"));

interface Running {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly ended: Promise<number | null>;
}

/** A program that prints when it is ready and when it is stopping, which takes `stopMs`. */
async function run(stopMs: number, script = "", env: NodeJS.ProcessEnv = {}): Promise<Running> {
  const program = `
    const { endWith } = await import(${FILE});
    const end = endWith(async () => { console.log("stopping"); await new Promise((r) => setTimeout(r, ${stopMs})); console.log("stopped"); });
    console.log("ready " + process.pid);
    setInterval(() => {}, 1000);
    ${script}`;
  const { npm_lifecycle_event: _, ...inherited } = process.env;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], { env: { ...inherited, ...env } });
  onTestFinished(() => void child.kill("SIGKILL"));
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const running = { child, output: () => output, ended };
  await until(running, "ready");
  return running;
}

async function until({ output }: Running, text: string): Promise<void> {
  await vi.waitFor(() => expect(output()).toContain(text), { timeout: 20_000, interval: 10 });
}

test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("%s stops once, then exits with status 0", async (signal) => {
  const running = await run(50);
  running.child.kill(signal);
  expect(await running.ended).toBe(0);
  expect(running.output()).toMatch(/^ready \d+\nstopping\nstopped\n$/);
});

test("one Ctrl-C that arrives twice, as under npm, counts once", async () => {
  const running = await run(300);
  running.child.kill("SIGINT");
  await until(running, "stopping");
  running.child.kill("SIGINT");
  expect(await running.ended).toBe(0);
  expect(running.output()).toContain("stopped");
});

test("a second Ctrl-C does not wait", async () => {
  const running = await run(60_000);
  running.child.kill("SIGINT");
  await until(running, "stopping");
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  running.child.kill("SIGINT");
  expect(await running.ended).toBe(1);
});

test("exits from within with a status", async () => {
  expect(await (await run(0, "end(7)")).ended).toBe(7);
});

test("exits when the npm process that started it is gone", async () => {
  const program = `
    const { spawn } = require("node:child_process");
    const script = 'const { endWith } = await import(${FILE}); endWith(async () => {}); setInterval(() => {}, 1000); console.log(process.pid);';
    spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "inherit", "ignore"], env: { ...process.env, npm_lifecycle_event: "start" } });
    setInterval(() => {}, 1000);`;
  const parent = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "ignore"] });
  onTestFinished(() => void parent.kill("SIGKILL"));
  const pid = await new Promise<number>((resolve) => parent.stdout.once("data", (chunk) => resolve(Number(chunk))));
  parent.kill("SIGKILL");
  await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow(), { timeout: 20_000, interval: 20 });
});
