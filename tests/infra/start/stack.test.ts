import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { choosePort } from "../../../infra/start/free-port.ts";
import { StateFolder } from "../../../infra/start/state-folder.ts";
import { lives, processesOf } from "../../support/processes.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
const SOON = { timeout: 60_000, interval: 100 };

const SERVE = join(import.meta.dirname, "../../../infra/start/serve.ts");

let folder: string;
let url: string;
let serve: ChildProcess;
/** What the running stack has written to standard error. */
let printed: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "trimtab-stack-"));
  url = `http://127.0.0.1:${await choosePort("0")}`;
  serve = start();
  await healthy();
});

afterAll(() => {
  serve.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
});

function start(): ChildProcess {
  const env = { ...process.env, PORT: new URL(url).port, TRIMTAB_STATE: folder };
  const child = spawn(process.execPath, [SERVE], { env, stdio: ["ignore", "ignore", "pipe"] });
  printed = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    printed += text;
  });
  return child;
}

async function healthy(): Promise<void> {
  await vi.waitFor(async () => expect((await fetch(`${url}/healthz`)).ok).toBe(true), SOON);
}

function processes(what: RegExp): number[] {
  return processesOf(serve.pid, what);
}

async function admin(path: string, init: RequestInit = {}): Promise<Response> {
  const token = new StateFolder(folder).secrets().admin_token;
  return await fetch(url + path, {
    ...init,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
  });
}

test("serves the API with its own tokens, to this machine only", async () => {
  expect((await fetch(`${url}/v1/models`)).status).toBe(401);
  const made = await admin("/v1/admin/tenants", { method: "POST", body: '{"id":"kept"}' });
  expect(made.status).toBe(200);
});

test("a new folder is announced and set up: the printed key lists the embedded base", async () => {
  await vi.waitFor(() => expect(printed).toContain("Press Ctrl-C to stop."), SOON);
  expect(printed).toContain(`New state folder ${folder}: it starts empty, with new secrets.`);
  const [, key] = /Key {4}(tt_demo_\S+)/.exec(printed) ?? [];
  expect(printed).toContain(`URL    ${url}/v1`);
  const models = await fetch(`${url}/v1/models`, { headers: { authorization: `Bearer ${key}` } });
  expect(await models.json()).toMatchObject({ data: [{ id: "trimtab-base" }] });
});

test("a second stack on the same folder does not start", () => {
  const second = spawnSync(process.execPath, [SERVE], {
    env: { ...process.env, PORT: "0", TRIMTAB_STATE: folder },
    encoding: "utf8",
  });
  expect(second.status).toBe(1);
  expect(second.stderr).toContain(`Process ${serve.pid} is already running a stack in ${folder}.`);
});

test.each([
  ["workerd", /workerd serve/],
  ["the process around workerd", /edge-process\.ts/],
])("after the end of %s the server is back with all that was stored", async (_, what) => {
  const [pid] = processes(what);
  process.kill(pid as number, "SIGKILL");
  await vi.waitFor(
    () => expect(processes(what)).toSatisfy((now: number[]) => now.length > 0 && !now.includes(pid ?? 0)),
    SOON,
  );
  await healthy();
  const again = await admin("/v1/admin/tenants/kept");
  expect(again.status).toBe(200);
});

test("a killed trainer is restarted", async () => {
  const what = /trainer\/main\.ts/;
  await vi.waitFor(() => expect(processes(what)).toHaveLength(1), SOON);
  const [pid] = processes(what);
  process.kill(pid as number, "SIGKILL");
  await vi.waitFor(
    () => expect(processes(what)).toSatisfy((now: number[]) => now.length > 0 && !now.includes(pid ?? 0)),
    SOON,
  );
});

test("when the stack is killed no process is left, and a new one keeps its data", async () => {
  const all = processes(/./);
  expect(all.length).toBeGreaterThanOrEqual(4);
  serve.kill("SIGKILL");
  await vi.waitFor(() => expect(all.filter(lives)).toEqual([]), SOON);
  serve = start();
  await healthy();
  expect((await admin("/v1/admin/tenants/kept")).status).toBe(200);
});

test.each([
  ["TRIMTAB_EXECUTOR", "tensorflwo", "set it to onnxruntime or tensorflow, or leave it unset."],
  ["TRIMTAB_TRAINER", "remote", "set it to local or none, or leave it unset for a local one."],
  ["ENGINE_HEAP_MB", "2GB", "set it to a whole number of MiB up to 4096, or leave it unset for 96."],
  ["SCORER_ALLOW", "localhost", '"localhost" is no origin; set it to origins separated by commas,'],
  [
    "HOST",
    "example.org",
    "set it to an IP address of this machine, such as 0.0.0.0 for all of them, or leave it unset",
  ],
  ["PORT", "80800", "set it to a number up to 65535."],
])("a wrong %s is rejected before anything starts", (name, value, advice) => {
  const other = join(folder, "other");
  const { status, stderr } = spawnSync(process.execPath, [SERVE], {
    env: { ...process.env, PORT: "0", TRIMTAB_STATE: other, [name]: value },
    encoding: "utf8",
  });
  expect(status).toBe(1);
  expect(stderr).toMatch(new RegExp(`^${name} is "${value}": ${advice}`));
});

test("SIGTERM stops the trainer, then the server, and unlocks the folder", async () => {
  const what = /trainer\/main\.ts/;
  await vi.waitFor(() => expect(processes(what)).toHaveLength(1), SOON);
  const all = processes(/./);
  const [trainer] = processes(what);
  const ended = new Promise((resolve) => serve.once("exit", resolve));
  // Like a trainer in the middle of a step, which has yet to release its job.
  process.kill(trainer as number, "SIGSTOP");
  serve.kill("SIGTERM");
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  expect((await fetch(`${url}/healthz`)).ok).toBe(true);
  process.kill(trainer as number, "SIGCONT");
  expect(await ended).toBe(0);
  await vi.waitFor(() => expect(all.filter(lives)).toEqual([]), SOON);
  expect(() => readFileSync(join(folder, "lock.json"))).toThrow("ENOENT");
});
