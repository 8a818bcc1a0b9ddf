import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterAll, afterEach, beforeEach, expect, it } from "vitest";
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
    executor: async () => ({}) as Executor,
    recipe: () => recipe,
    cacheFolder,
    shutdown: shutdown.signal,
    log: (line) => void lines.push(line),
  });
  return { lines, pauses };
}

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
