import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterAll, afterEach, beforeEach, expect, it, onTestFinished } from "vitest";
import { TrimtabError } from "../../../shared/errors.ts";
import type { Executor } from "../../../trainer/engines/executor.ts";
import type { Recipe } from "../../../trainer/recipes/recipe.ts";
import { createSend } from "../../../trainer/service/http.ts";
import { serve } from "../../../trainer/service/serve.ts";
import { type FakeServer, startFakeServer } from "./fake-server.ts";
import { quickEffects, tinyJob } from "./tiny-job.ts";

const cacheFolder = mkdtempSync(`${tmpdir()}/trimtab-serve-`);
afterAll(() => rmSync(cacheFolder, { recursive: true }));

let server: FakeServer;
beforeEach(async () => {
  server = await startFakeServer(tinyJob);
});
afterEach(() => server.close());

/** Serves until `until` holds; returns the log and the length of each pause. */
async function serveUntil(until: () => boolean, recipe: Recipe) {
  const shutdown = new AbortController();
  const lines: string[] = [];
  const pauses: number[] = [];
  await serve({
    send: createSend(server.url, server.token, quickEffects),
    effects: {
      ...quickEffects,
      sleep: async (milliseconds, signal) => {
        pauses.push(milliseconds);
        if (until()) shutdown.abort();
        await quickEffects.sleep(milliseconds, signal);
      },
    },
    trainer: "t",
    executors: ["onnxruntime"],
    lanes: ["jobs"],
    executor: async () => ({}) as Executor,
    recipe: () => recipe,
    cacheFolder,
    shutdown: shutdown.signal,
    log: (line) => void lines.push(line),
  });
  return { lines, pauses };
}

/** The seed of the job that a fake server offers. */
const LONG = 7;

const done: Recipe = async () => ({
  folder: { kind: "delta", files: new Map() },
  metrics: {},
  trainedTokens: 0,
  hyperparameters: {},
});

it("runs jobs as they come, polling at intervals of up to a second", async () => {
  let calls = 0;
  const { lines, pauses } = await serveUntil(() => {
    if (++calls === 8) server.offer();
    return server.completions.length > 0;
  }, done);
  expect(lines).toEqual(["ftjob-1: leased (attempt 1, from step 0)", "ftjob-1: published as ft:tiny:demo::x"]);
  expect(pauses.slice(0, 6)).toEqual([75, 150, 300, 600, 750, 750]);
});

it("logs once that the server is away, backs off, and logs when it is back", async () => {
  server.fault = (_line, count) => (count <= 8 ? { status: 503, code: "capacity_exceeded" } : undefined);
  const { lines, pauses } = await serveUntil(() => server.requests.length === 10, done);
  expect(lines).toEqual(["no lease: capacity_exceeded: refused: capacity_exceeded", "the server is back"]);
  expect(pauses.slice(5, 8)).toEqual([2400, 4800, 7500]);
});

it("runs an edit while a long job of the other lane goes on", async () => {
  const edits = await startFakeServer({ ...tinyJob, id: "ftjob-edit", seed: LONG + 1 });
  onTestFinished(() => edits.close());
  const shutdown = new AbortController();
  const ended: string[] = [];
  const asked: unknown[] = [];
  const toJobs = createSend(server.url, server.token, quickEffects);
  const toEdits = createSend(edits.url, edits.token, quickEffects);
  const edited = Promise.withResolvers<void>();
  server.offer();
  edits.offer();
  await serve({
    send: (request) => {
      const isLease = request.path.endsWith("/leases");
      const { lanes } = isLease ? (JSON.parse(request.body as string) as { lanes: string[] }) : { lanes: undefined };
      if (isLease) asked.push(lanes);
      const isEdit = isLease ? lanes?.[0] === "edits" : request.path.includes("ftjob-edit");
      return (isEdit ? toEdits : toJobs)(request);
    },
    effects: quickEffects,
    trainer: "t",
    executors: ["onnxruntime"],
    lanes: ["jobs", "edits"],
    executor: async () => ({}) as Executor,
    recipe: () => async (job, context) => {
      if (job.seed === LONG) await edited.promise;
      return done(job, context);
    },
    cacheFolder,
    shutdown: shutdown.signal,
    log: (line) => {
      if (!line.includes("published")) return;
      ended.push(line.split(":")[0]!);
      if (line.startsWith("ftjob-edit")) edited.resolve();
      if (ended.length === 2) shutdown.abort();
    },
  });
  expect(ended).toEqual(["ftjob-edit", "ftjob-1"]);
  expect(asked.slice(0, 2)).toEqual([["jobs"], ["edits"]]);
});

it("survives failing jobs, and waits before leasing again after dropping one", async () => {
  const errors = [new TypeError("first"), new TrimtabError("invalid_dataset", "second")];
  server.offer();
  const { lines, pauses } = await serveUntil(
    () => {
      if (server.requests.filter((line) => line.endsWith("/leases")).length === 1) server.offer();
      return server.failures.length > 0;
    },
    () => Promise.reject(errors.shift()),
  );
  expect(server.failures).toMatchObject([{ error: { code: "invalid_dataset", message: "second" } }]);
  expect(lines[1]).toContain("ftjob-1: dropped: TypeError: first");
  expect(pauses[0]).toBe(75);
});
