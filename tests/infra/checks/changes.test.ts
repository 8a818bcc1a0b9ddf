import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { changedFiles } from "../../../infra/checks/changes.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "trimtab-changes-"));
  git("init", "--quiet", "--initial-branch=main");
});

afterEach(() => rmSync(root, { recursive: true }));

function git(...args: string[]): void {
  execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false", ...args], {
    cwd: root,
  });
}

function commit(...names: string[]): void {
  for (const name of names) write(name);
  git("add", "--all");
  git("commit", "--quiet", "--message", "a");
}

function write(name: string): void {
  writeFileSync(join(root, name), String(Math.random()));
}

test("before the first commit: every file that is not ignored", () => {
  write("b.ts");
  write("a.log");
  writeFileSync(join(root, ".gitignore"), "*.log\n");
  expect(changedFiles(root)).toEqual({ since: "the beginning", paths: [".gitignore", "b.ts"] });
});

test("what differs from the last commit, staged or not, deleted, moved or new", () => {
  commit("a.ts", "b.ts", "c.ts", "d ü.ts", "e.ts");
  write("a.ts");
  write("b.ts");
  git("add", "b.ts");
  rmSync(join(root, "c.ts"));
  git("mv", "d ü.ts", "f.ts");
  write("new.ts");
  expect(changedFiles(root)).toEqual({
    since: "the last commit",
    paths: ["a.ts", "b.ts", "c.ts", "d ü.ts", "f.ts", "new.ts"],
  });
});

test("on a clean branch: what it changed since it left main", () => {
  commit("a.ts");
  git("checkout", "--quiet", "-b", "topic");
  commit("b.ts");
  commit("c.ts");
  git("checkout", "--quiet", "main");
  commit("d.ts");
  git("checkout", "--quiet", "topic");
  expect(changedFiles(root)).toEqual({ since: "main", paths: ["b.ts", "c.ts"] });
});

test("on a clean main: what the last commit changed", () => {
  commit("a.ts");
  expect(changedFiles(root)).toEqual({ since: "the commit before", paths: [] });
  commit("b.ts");
  expect(changedFiles(root)).toEqual({ since: "the commit before", paths: ["b.ts"] });
});
