import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";
import { runCli } from "./support/cli.ts";

const ROOT = join(import.meta.dirname, "../../..");

it("describes every group of commands, and each command", async () => {
  const { out, status } = await runCli(["--help"]);
  expect(status).toBe(0);
  for (const group of ["chat", "data", "jobs", "models", "peft", "edit", "import"]) {
    expect(out).toMatch(new RegExp(`^  ${group} `, "m"));
    expect((await runCli([group, "--help"])).out).toMatch(new RegExp(`^Usage: trimtab ${group} `));
  }
  expect((await runCli(["import", "openai-job", "--help"])).out).toContain("--dry-run");
});

it("shows help without reading any TypeScript, which would take most of its time", () => {
  const node = join(ROOT, "node_modules/.bin/node");
  const main = join(ROOT, "infra/cli/main.mjs");
  const run = (...words: string[]) =>
    spawnSync(node, ["--no-experimental-strip-types", main, ...words], { encoding: "utf8" });
  expect(run("edit", "create", "--help")).toMatchObject({ status: 0, stdout: expect.stringContaining("--subject") });
  // An action cannot run this way.
  expect(run("peft", "compare").status).not.toBe(0);
});

it("runs from any folder, through links", () => {
  const run = (...words: string[]) => spawnSync(join(ROOT, "infra/cli/trimtab"), words, { encoding: "utf8", cwd: "/" });
  expect(run("peft", "compare", "--method", "lora")).toMatchObject({
    status: 0,
    stdout: expect.stringContaining("233,472"),
  });
  expect(run("peft", "compare", "--method", "nope").status).toBe(2);
});

it.each([
  ["an unknown command", ["nope"], "error: unknown command 'nope'"],
  ["a missing argument", ["jobs", "watch"], "error: missing required argument 'id'"],
  ["an unknown option", ["jobs", "list", "--colour"], "error: unknown option '--colour'"],
  ["a number that is none", ["jobs", "list", "--limit", "x"], "It must be a whole number from 1 on."],
  ["no command", ["jobs"], "Usage: trimtab jobs"],
])("refuses %s", async (_, words, message) => {
  const { failed, status, out } = await runCli(words);
  expect([status, out]).toEqual([2, ""]);
  expect(failed).toContain(message);
});

it("writes an error as the API's object where JSON is asked for", async () => {
  const { failed, status, out } = await runCli(["jobs", "list", "--url", "nowhere", "--json"]);
  expect([status, out]).toEqual([2, ""]);
  expect(JSON.parse(failed)).toMatchObject({ error: { code: "invalid_request", param: "url" } });
  const plain = await runCli(["peft", "compare", "--model", "/nowhere", "--json"]);
  expect(JSON.parse(plain.failed).error.message).toContain("/nowhere does not exist");
});

it.each([
  [["jobs", "list", "--limit", "0"], "'0' is invalid"],
  [["nothing"], "unknown command 'nothing'"],
  [["data", "fix"], "missing required argument 'file'"],
])("says with --json what is wrong with the words %j as an error object alone", async (words, message) => {
  const { failed, status } = await runCli([...words, "--json"]);
  expect(status).toBe(2);
  expect(JSON.parse(failed)).toMatchObject({
    error: { message: expect.stringContaining(message), type: "invalid_request_error", code: "invalid_request" },
  });
  expect((await runCli(words)).failed).toContain("--help");
});
