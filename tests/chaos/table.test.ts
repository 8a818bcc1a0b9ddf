/** A run that broke a promise says so; the run itself is tests/e2e/chaos.test.ts. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { flipByte, storedBlobs } from "./damage.ts";
import { Ledger } from "./ledger.ts";
import type { RunResult } from "./run.ts";
import { nothing } from "./streams.ts";
import { brokenPromises, table } from "./table.ts";

const NONE = { acknowledged: 1, lost: 0 };
const GOOD: RunResult = {
  ...{ seed: 7, seconds: 60, lost: [], problems: [] },
  counts: { file: NONE, key: NONE, delta: NONE, feedback: NONE, job: NONE },
  usage: { acknowledged: 100, charged: 120 },
  published: { jobs: 1, notOnce: [] },
  attacks: [
    { name: "kill workerd", kills: true, times: 1, observed: observed({ failed: 3 }, 5) },
    { name: "flood", kills: false, times: 2, observed: observed({ whole: 3, refused: 1 }, 0) },
  ],
  memory: { workerd: { start: 400, end: null } },
};

function observed(ends: object, failures: number) {
  const none = nothing();
  return { ...none, failures, ends: { ...none.ends, ...ends } };
}

const during = (name: string, kills: boolean, ends: object, failures = 0) => ({
  attacks: [{ name, kills, times: 1, observed: observed(ends, failures) }],
});

test("a kill may break streams off, and a run that keeps all else holds", () => {
  expect(brokenPromises(GOOD)).toEqual([]);
  expect(table(GOOD)).toContain("seed 7, 60 s. Every promise held.");
});

test.each<[string, Partial<RunResult>]>([
  ["lost: file file-1", { lost: ["file file-1"] }],
  ["usage has 99 tokens", { usage: { acknowledged: 100, charged: 99 } }],
  ["not published exactly once: j", { published: { jobs: 1, notOnce: ["j"] } }],
  ["1 streams ended early", during("kill workerd", true, { cut: 1 })],
  ["2 streams failed during flood", during("flood", false, { failed: 2 })],
  ["3 replies of 5xx", during("flood", false, {}, 3)],
  ["damaged bytes: x", { problems: ["damaged bytes: x"] }],
])("says %s", (words, change) => {
  expect(brokenPromises({ ...GOOD, ...change })).toEqual([expect.stringContaining(words)]);
  expect(table({ ...GOOD, ...change })).toContain("1 broken: ");
});

test("a ledger names what is gone, each thing once", async () => {
  const ledger = new Ledger();
  ledger.acknowledge("file", "a", async () => true);
  ledger.acknowledge("file", "b", async () => false);
  ledger.acknowledge("file", "b", async () => false);
  const { counts, lost } = await ledger.verify();
  expect(lost).toEqual(["file b"]);
  expect(counts.file).toEqual({ acknowledged: 2, lost: 1 });
});

test("flips one byte of a stored blob", () => {
  const state = mkdtempSync(join(tmpdir(), "trimtab-damage-"));
  try {
    const folder = join(state, "storage", "r2", "bucket", "blobs");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "x"), new Uint8Array(10));
    writeFileSync(join(folder, "..", "meta.sqlite"), "");
    expect([...storedBlobs(state)]).toEqual([join(folder, "x")]);
    flipByte(join(folder, "x"), 1);
    expect([...readFileSync(join(folder, "x"))]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 255]);
  } finally {
    rmSync(state, { recursive: true, force: true });
  }
});
