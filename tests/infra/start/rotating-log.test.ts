import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { rotateLog } from "../../../infra/start/rotating-log.ts";

const LIMITS = { bytes: 100, copies: 3 };
let folder: string;
let log: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "trimtab-log-"));
  log = join(folder, "log");
});

afterEach(() => rmSync(folder, { recursive: true }));

const text = (copy = "") => readFileSync(log + copy, "utf8");

test("a log within its limit, or that is not there, stays as it is", () => {
  rotateLog(log, LIMITS);
  expect(existsSync(log)).toBe(false);
  writeFileSync(log, "a".repeat(100));
  rotateLog(log, LIMITS);
  expect([text(), existsSync(`${log}.1`)]).toEqual(["a".repeat(100), false]);
});

test("whoever has the log open goes on writing it, and the last copies are kept", () => {
  const writer = openSync(log, "a");
  for (const letter of ["a", "b", "c", "d", "e"]) {
    writeSync(writer, letter.repeat(101));
    rotateLog(log, LIMITS);
    expect(text()).toBe("");
  }
  writeSync(writer, "next");
  closeSync(writer);
  expect(text()).toBe("next");
  expect([text(".1"), text(".2"), text(".3")].map((copy) => copy.at(-1))).toEqual(["e", "d", "c"]);
  expect(existsSync(`${log}.4`)).toBe(false);
  expect(statSync(`${log}.1`).mode & 0o777).toBe(0o600);
});

test("of a log far beyond its limit the end is kept, and what is left out is said", () => {
  appendFileSync(log, `${"a".repeat(5_000_000)}the end`);
  rotateLog(log, LIMITS);
  expect(text(".1")).toMatch(/^\[4999907 bytes before this are left out\]\na+the end$/);
  expect(text(".1").length).toBeLessThan(200);
});
