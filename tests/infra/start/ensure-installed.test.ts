import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { whyInstall, withoutOwnCommands } from "../../../infra/start/ensure-installed.mjs";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "trimtab-install-"));
  mkdirSync(join(root, "node_modules/.bin"), { recursive: true });
  writeFileSync(join(root, "node_modules/.bin/node"), "");
});

afterEach(() => rmSync(root, { recursive: true }));

type Packages = Record<string, { version?: string; optional?: boolean }>;

function write(locked: Packages, installed?: Packages): void {
  writeFileSync(join(root, "package-lock.json"), JSON.stringify({ packages: { "": {}, ...locked } }));
  if (installed !== undefined) {
    writeFileSync(join(root, "node_modules/.package-lock.json"), JSON.stringify({ packages: installed }));
  }
}

const LOCKED = { "node_modules/a": { version: "1.0.0" }, "node_modules/b": { version: "2.0.0", optional: true } };

test("matching packages need no installation, even if optional ones are missing", () => {
  write(LOCKED, { "node_modules/a": { version: "1.0.0" } });
  expect(whyInstall(root)).toBeUndefined();
});

test("an interrupted installation needs one", () => {
  write(LOCKED);
  expect(whyInstall(root)).toBe("no packages are installed");
});

test("a different version needs one", () => {
  write(LOCKED, { "node_modules/a": { version: "0.9.0" } });
  expect(whyInstall(root)).toBe("node_modules/a is 0.9.0, but package-lock.json has 1.0.0");
  write(LOCKED, {});
  expect(whyInstall(root)).toBe("node_modules/a is missing, but package-lock.json has 1.0.0");
});

test("an installation without the project's own Node needs one", () => {
  write(LOCKED, { "node_modules/a": { version: "1.0.0" } });
  rmSync(join(root, "node_modules/.bin/node"));
  expect(whyInstall(root)).toBe("the project's own Node is missing");
});

test("a missing package-lock.json is named", () => {
  expect(() => whyInstall(root)).toThrow(`${join(root, "package-lock.json")} is missing or is not JSON.`);
});

test("npm runs without the commands it is about to delete", () => {
  const path = [join(root, "node_modules/.bin"), "/usr/bin", "/elsewhere/node_modules/.bin"].join(delimiter);
  expect(withoutOwnCommands(path, root)).toBe(["/usr/bin", "/elsewhere/node_modules/.bin"].join(delimiter));
});
