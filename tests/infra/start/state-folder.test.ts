import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { StateFolder } from "../../../infra/start/state-folder.ts";

let root: string;
let state: StateFolder;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "trimtab-state-"));
  state = new StateFolder(join(root, "a/b"));
});

afterEach(() => rmSync(root, { recursive: true }));

test("secrets are random, persistent and readable only by the owner", () => {
  const secrets = state.secrets();
  expect(secrets.admin_token).toMatch(/^[\w-]{43}$/);
  expect(secrets.trainer_token).not.toBe(secrets.admin_token);
  expect(new StateFolder(state.path).secrets()).toEqual(secrets);
  expect(new StateFolder(join(root, "other")).secrets()).not.toEqual(secrets);
  expect(statSync(state.file("secrets.json")).mode & 0o777).toBe(0o600);
});

test("a damaged file is named", () => {
  writeFileSync(state.file("secrets.json"), '{"admin_token":');
  expect(() => state.secrets()).toThrow(
    `${state.file("secrets.json")} is damaged. Delete it, or use another TRIMTAB_STATE.`,
  );
  writeFileSync(state.file("a.json"), '{"b": 1}');
  expect(() => state.readJson("a.json", z.strictObject({ b: z.string() }))).toThrow("is damaged");
  expect(state.readJson("missing.json", z.string())).toBeUndefined();
});

test("the folder and those in it are for their owner alone", () => {
  const mode = (path: string) => statSync(path).mode & 0o777;
  expect([mode(state.path), mode(state.folder("logs")), state.notice]).toEqual([0o700, 0o700, undefined]);
  expect(state.logFile("trainer")).toBe(join(state.path, "logs/trainer.log"));
});

test("a folder of a stack that others could read is closed to them, which is said once", () => {
  const mode = () => statSync(state.path).mode & 0o777;
  state.secrets();
  chmodSync(state.path, 0o755);
  expect(new StateFolder(state.path).notice).toBe(
    `Other users of this machine could read ${state.path}. They no longer can.`,
  );
  expect(mode()).toBe(0o700);
  expect(new StateFolder(state.path).notice).toBeUndefined();
});

test("a folder that others share is not taken from them", () => {
  const shared = join(root, "shared");
  mkdirSync(shared);
  chmodSync(shared, 0o755);
  writeFileSync(join(shared, "theirs"), "");
  const advice = `Other users of this machine can look into ${shared}. Set TRIMTAB_STATE to a folder of its own.`;
  expect(new StateFolder(shared).notice).toBe(advice);
  expect(statSync(shared).mode & 0o777).toBe(0o755);
  new StateFolder(shared).secrets();
  chmodSync(shared, 0o1777);
  expect(new StateFolder(shared).notice).toBe(advice);
});

test("an empty folder that somebody made for the stack becomes private without a word", () => {
  const made = join(root, "made");
  mkdirSync(made);
  chmodSync(made, 0o755);
  expect(new StateFolder(made).notice).toBeUndefined();
  expect(statSync(made).mode & 0o777).toBe(0o700);
});

test("only one process at a time can use the folder", async () => {
  // Named like a stack, so that the guard against reused process ids takes it for one.
  const other = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)", "infra/start/serve.ts"]);
  onTestFinished(() => void other.kill("SIGKILL"));
  await new Promise((resolve) => other.once("spawn", resolve));
  state.writePrivateJson("lock.json", { pid: other.pid });
  expect(() => state.lock()).toThrow(
    `Process ${other.pid} is already running a stack in ${state.path}. Stop it, or set TRIMTAB_STATE to another folder.`,
  );

  const ended = new Promise((resolve) => other.once("exit", resolve));
  other.kill("SIGKILL");
  await ended;
  const unlock = state.lock();
  expect(JSON.parse(readFileSync(state.file("lock.json"), "utf8"))).toEqual({ pid: process.pid });
  unlock();
  expect(existsSync(state.file("lock.json"))).toBe(false);
});

test("a folder of another version is named and left unchanged", () => {
  state.lock()();
  state.lock()();
  const format = Number(JSON.parse(readFileSync(state.file("format.json"), "utf8")).format);
  state.writePrivateJson("format.json", { format: format + 1 });
  expect(() => state.lock()).toThrow(`has format ${format + 1}, but this version of Trimtab uses format ${format}`);
  expect(existsSync(state.file("lock.json"))).toBe(false);

  const unmarked = new StateFolder(join(root, "first version"));
  mkdirSync(unmarked.file("storage"));
  expect(() => unmarked.lock()).toThrow("has format 1");
  expect(() => unmarked.lock()).toThrow("Set TRIMTAB_STATE to another folder, or delete this one");
});

test("a folder says whether it is new, and an existing one is required where nothing may be made", () => {
  expect(state.isNew).toBe(true);
  const mistyped = join(root, "mistyped");
  expect(() => StateFolder.existing(mistyped)).toThrow(`${mistyped} is not the state folder of a stack`);
  expect(existsSync(mistyped)).toBe(false);
  const secrets = state.secrets();
  expect(new StateFolder(state.path).isNew).toBe(false);
  expect(StateFolder.existing(state.path).secrets()).toEqual(secrets);
});

test.runIf(process.platform === "linux")("a place that takes no folders is refused at once", () => {
  expect(() => new StateFolder("/proc/trimtab/state")).toThrow(
    expect.objectContaining({ code: "invalid_request", message: expect.stringContaining("/proc/trimtab/state") }),
  );
});

test("a path that cannot be a folder is named with the reason", () => {
  const file = join(root, "file");
  writeFileSync(file, "");
  expect(() => new StateFolder(file)).toThrow(`${file} cannot be the state folder: it is a file. Set TRIMTAB_STATE`);
  expect(() => new StateFolder(join(file, "below"))).toThrow("a part of its path is a file");
});
