/** A minute of `npm run chaos`: every kind of attack once against a whole stack, and nothing acknowledged is lost. */
import { expect, test } from "vitest";
import { run } from "./programs.ts";

const COMMAND = ["run", "--silent", "chaos", "--", "--minutes", "1", "--seed", "1", "--streams", "3"] as const;

test("a stack keeps its promises under kills, floods, hostile requests and damaged bytes", async () => {
  const { status, stdout, stderr } = await run("npm", COMMAND).ended;
  expect(stdout, `${stdout}\n${stderr}`).toContain("Every promise held.");
  expect(status).toBe(0);
  // A run in which nothing was acknowledged, or nothing streamed, would hold every promise too.
  for (const kind of ["file", "key", "delta", "feedback", "job"]) {
    expect(stdout).toMatch(new RegExp(`^${kind} +[1-9]\\d* +0$`, "m"));
  }
  expect(stdout).toMatch(/^none +\d+ +\d+ ms +[1-9]/m);
}, 600_000);
