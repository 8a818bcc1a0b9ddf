import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Lease } from "../../../shared/api/trainer.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import type { Executor } from "../../../trainer/engines/executor.ts";
import type { JobRecipe, Recipe, RecipeJob } from "../../../trainer/recipes/recipe.ts";
import { createJobClient, requestLease } from "../../../trainer/service/client.ts";
import { createSend } from "../../../trainer/service/http.ts";
import { type LeaseContext, runLease } from "../../../trainer/service/run-lease.ts";
import { type FakeServer, startFakeServer } from "./fake-server.ts";
import { quickEffects, tinyJob } from "./tiny-job.ts";

const cacheFolder = mkdtempSync(`${tmpdir()}/trimtab-lease-`);
afterAll(() => rmSync(cacheFolder, { recursive: true }));

const STEPS = 6;
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (content: string) => new TextEncoder().encode(content);

let server: FakeServer;
let shutdown: AbortController;
let jobs: RecipeJob[];
let lines: string[];
/** What happens inside a step of the recipe below. */
let during: (step: number) => Promise<void> | void;

beforeEach(async () => {
  server = await startFakeServer({ ...tinyJob, validation: '{"messages":[1]}\n' });
  server.leaseSeconds = 1;
  shutdown = new AbortController();
  jobs = [];
  lines = [];
  during = () => undefined;
});
afterEach(() => server.close());

/** Counts to STEPS; its state is the count, its result a file that says from where it came. */
const recipe: Recipe = async (job, context) => {
  jobs.push(job);
  let step = job.checkpoint === null ? 0 : Number(text(job.checkpoint));
  context.event({ level: "info", message: `from ${step}`, type: "message", data: null });
  while (step < STEPS) {
    step++;
    await during(step);
    const progress = { step, totalSteps: STEPS, trainedTokens: step * 10, state: () => bytes(String(step)) };
    await context.afterStep(progress);
  }
  const folder = { kind: "delta" as const, files: new Map([["manifest.json", bytes("done")]]) };
  await context.publishCheckpoint(step, folder, { loss: 1 });
  return { folder, metrics: { loss: 1 }, trainedTokens: STEPS * 10, hyperparameters: { n_epochs: 3 } };
};

async function lease(): Promise<Lease> {
  server.offer();
  const send = createSend(server.url, server.token, quickEffects);
  return (await requestLease(send, { trainer: "t", executors: ["onnxruntime"] }, shutdown.signal))!;
}

async function run(changes: Partial<LeaseContext> = {}, taken?: Lease) {
  const held = taken ?? (await lease());
  return await runLease(held, {
    client: createJobClient(createSend(server.url, server.token, quickEffects), held),
    executor: async () => ({}) as Executor,
    recipe: () => recipe,
    cacheFolder,
    now: Date.now,
    shutdown: shutdown.signal,
    log: (line) => void lines.push(line),
    ...changes,
  });
}

it("reads every file of a mixture, and runs another job for other shares", async () => {
  const taken = await lease();
  const [training, validation] = [taken.training_file, taken.validation_file!];
  const mixture = (weight: number): NonNullable<Lease["mixture"]> => ({
    files: [
      { file: training, weight: 1 },
      { file: { ...validation, said_format: "alpaca" }, weight, max_examples: 7 },
    ],
    ...{ temperature: 2, strategy: "spread" },
  });
  for (const weight of [2, 3]) {
    const one = weight === 2 ? taken : await lease();
    await run({}, { ...one, mixture: mixture(weight), validation_files: [validation, training] });
  }
  const [job, other] = jobs;
  expect(job).toMatchObject({
    mixture: { temperature: 2, strategy: "spread" },
    training: {
      files: [
        { dataset: { digest: training.sha256 }, weight: 1 },
        { dataset: { digest: validation.sha256, format: "alpaca" }, weight: 2, maxExamples: 7 },
      ],
    },
    validation: { files: [{ dataset: { digest: validation.sha256 } }, { dataset: { digest: training.sha256 } }] },
  });
  expect(text(job!.training.bytes)).toBe(`${tinyJob.training}{"messages":[1]}\n`);
  expect(other!.run).not.toBe(job!.run);
});

describe("a job that runs through", () => {
  it("is given its data, publishes, and completes after its events", async () => {
    expect(await run()).toBe("completed");
    expect(jobs).toMatchObject([{ seed: 7, base: { id: "tiny" }, checkpoint: null }]);
    expect(text(jobs[0]!.training.bytes)).toBe(tinyJob.training);
    expect(text(jobs[0]!.validation!.bytes)).toBe('{"messages":[1]}\n');
    expect([...server.artefacts.keys()]).toEqual([expect.stringMatching(/^delta\/[0-9a-f]{64}\/manifest\.json$/)]);
    expect(server.published).toMatchObject([{ step: STEPS, checkpoint: { metrics: { loss: 1 } } }]);
    expect(server.completions).toMatchObject([{ trained_tokens: 60, hyperparameters: { n_epochs: 3 } }]);
    expect(server.events.map(({ message }) => message)).toEqual(["from 0"]);
    expect(lines).toEqual(["ftjob-1: published as ft:tiny:demo::x"]);
  });

  it("is given the tuned model that it continues from, by its files", async () => {
    const held = await lease();
    const digest = "c".repeat(64);
    expect(await run({}, { ...held, parent: { model: "ft:x", kind: "delta", digest, files: held.base.files } })).toBe(
      "completed",
    );
    const { parent } = jobs[0]!;
    expect(parent).toMatchObject({ kind: "delta", digest });
    expect([...parent!.files].map(([name, file]) => [name, text(file as Uint8Array)])).toEqual([["config.json", "{}"]]);
    expect(await run({}, { ...(await lease()), parent: null })).toBe("completed");
    expect(jobs[1]!.parent).toBeUndefined();
    const next = await lease();
    const going = { model: "ft:x", kind: "delta", digest, continue_with: "adapter", files: next.base.files } as const;
    expect(await run({}, { ...next, parent: going })).toBe("completed");
    expect(jobs[2]!.parent).toMatchObject({ continueWith: "adapter" });
    expect(jobs[1]!.run).not.toBe(jobs[0]!.run);
  });

  it("is given the deltas that its method names, keeps files, and asks models", async () => {
    await server.close();
    server = await startFakeServer({ ...tinyJob, models: { "ft:reward": { "manifest.json": bytes("{}") } } });
    const question = {
      model: "judge",
      messages: [{ role: "user", content: "Is 2 + 2 = 4?" }],
      sampling: { temperature: 0 },
      rule: { spec: { choice: ["4"] }, param: "grader.labels" },
      at: "grader",
    } as const;
    const asking: Recipe = async (job, context) => {
      const answer = await context.ask(question);
      await context.keepFile({ name: "answer.json", bytes: bytes(JSON.stringify(answer)) });
      return recipe(job, context);
    };
    expect(await run({ recipe: () => asking })).toBe("completed");
    const { digest, files } = jobs[0]!.models!.get("ft:reward")!;
    expect(digest).toBe("e".repeat(64));
    expect([...files].map(([name, file]) => [name, text(file)])).toEqual([["manifest.json", "{}"]]);
    expect(server.questions).toEqual([question]);
    expect(JSON.parse(text(server.kept.get("answer.json")!))).toMatchObject({ text: "4", usage: { total_tokens: 4 } });
  });

  it("may end without a result, and keeps beside its base what depends on that alone", async () => {
    const name = `tracing.${"a".repeat(32)}.json`;
    const waits: boolean[] = [];
    const finding: JobRecipe = async (_, context) => {
      const before = await context.baseArtefacts!.read(name);
      if (before === undefined) await context.baseArtefacts!.write(name, bytes("found"));
      await context.yieldToEventLoop();
      return { folder: null, metrics: { found: before === undefined ? 0 : 1 }, trainedTokens: 0, hyperparameters: {} };
    };
    const giveWay = async (stop: AbortSignal) => void waits.push(stop.aborted);
    expect(await run({ recipe: () => finding, giveWay })).toBe("completed");
    expect(server.completions).toMatchObject([{ result: null, metrics: { found: 0 } }]);
    expect(text(server.baseArtefacts.get(name)!)).toBe("found");
    expect(await run({ recipe: () => finding, giveWay })).toBe("completed");
    expect(
      server.requests.filter((line) => line === `PUT /v1/trainer/jobs/ftjob-1/base_artefacts/${name}`),
    ).toHaveLength(1);
    expect(waits).toEqual([false, false]);
    expect(lines).toEqual(["ftjob-1: done", "ftjob-1: done"]);
  });

  it("is given a table as JSON Lines, under the digest of what was uploaded", async () => {
    await server.close();
    server = await startFakeServer({ ...tinyJob, training: "prompt,completion\na,b\n" });
    const held = await lease();
    expect(await run({}, held)).toBe("completed");
    expect(text(jobs[0]!.training.bytes)).toBe('{"prompt":"a","completion":"b"}\n');
    expect(jobs[0]!.training.digest).toBe(held.training_file.sha256);
  });

  it("keeps its lease by heartbeats that say how far it is", async () => {
    during = () => delay(150);
    await run();
    expect(server.requests.filter((line) => line.endsWith("/heartbeat")).length).toBeGreaterThanOrEqual(2);
  });

  it("gets through a server that fails every second request", async () => {
    let count = 0;
    server.fault = (line) => {
      if (line.endsWith("/leases") || count++ % 2 === 0) return undefined;
      return count % 4 === 0 ? "reset" : { status: 500 };
    };
    expect(await run()).toBe("completed");
    expect(server.completions).toHaveLength(1);
    expect(server.events).toHaveLength(1);
  });

  it("completes once though the reply to the first try was lost", async () => {
    server.fault = (line, count) => (line.endsWith("/complete") && count === 1 ? { status: 502 } : undefined);
    expect(await run()).toBe("completed");
    expect(server.completions).toHaveLength(1);
  });

  it("stores its state as often as the job says, and goes on from it", async () => {
    const hyperparameters = { ...tinyJob.method.supervised.hyperparameters, checkpoint_steps: 2 };
    const held = await lease();
    const method = { type: "supervised" as const, supervised: { ...tinyJob.method.supervised, hyperparameters } };
    during = (step) => {
      if (step === 5) throw new TypeError("crash");
    };
    expect(await run({}, { ...held, method })).toBe("dropped");
    expect(server.state).toMatchObject({ step: 4 });
    during = () => undefined;
    expect(await run()).toBe("completed");
    expect(server.events.map(({ message }) => message)).toEqual(["from 0", "from 4"]);
  });
});

it("never stores a state before what was reported of its steps, so that the next trainer leaves no hole", async () => {
  const hyperparameters = { ...tinyJob.method.supervised.hyperparameters, checkpoint_steps: 1 };
  const method = { type: "supervised" as const, supervised: { ...tinyJob.method.supervised, hyperparameters } };
  const counting: Recipe = (job, context) =>
    recipe(job, {
      ...context,
      async afterStep(progress) {
        const { step } = progress;
        context.event({ level: "info", message: `step ${step}`, type: "metrics", data: { step } });
        await context.afterStep(progress);
      },
    });
  // The trainer loses the job once its third state is stored: nothing that it still holds is ever sent.
  let lost = false;
  server.fault = (line) => {
    lost ||= line.endsWith("/checkpoints/4");
    return lost ? { status: 409, code: "stale_lease" } : undefined;
  };
  await run({ recipe: () => counting }, { ...(await lease()), method });
  const { step } = server.state!;
  expect(step).toBe(3);
  const reported = server.events.flatMap(({ data }) => (data === null ? [] : [data.step]));
  expect(reported.slice(0, step)).toEqual([1, 2, 3]);
});

describe("a job that is stopped", () => {
  it("at a rung stores its state there, after its events, and is released to wait", async () => {
    const held = { ...(await lease()), pause_at: 3 };
    expect(await run({}, held)).toBe("released");
    expect([server.releases, server.state, server.completions]).toMatchObject([["rung"], { step: 3 }, []]);
    expect(jobs[0]!.measureAt).toBe(3);
    expect(server.events.map(({ message }) => message)).toEqual(["from 0"]);
    // Its trainer died before it could say so: the next one says it without running.
    const again = { ...(await lease()), pause_at: 3 };
    expect(again.checkpoint).toMatchObject({ step: 3 });
    expect(await run({}, again)).toBe("released");
    expect([server.releases, jobs.length]).toEqual([["rung", "rung"], 1]);
    expect(await run({}, { ...(await lease()), pause_at: 6 })).toBe("completed");
  });

  it("by a pause stores its state and is handed back", async () => {
    during = async (step) => {
      if (step === 2) server.pause = true;
      await delay(step <= 2 ? 5 : 400);
    };
    expect(await run()).toBe("released");
    expect(server.releases).toEqual(["paused"]);
    expect(server.state!.step).toBeGreaterThanOrEqual(3);
    expect(server.state!.step).toBeLessThan(STEPS);
  });

  it("by a cancellation keeps nothing", async () => {
    during = async (step) => {
      server.cancel = true;
      await delay(step === 1 ? 5 : 400);
    };
    expect(await run()).toBe("released");
    expect([server.releases, server.state]).toEqual([["cancelled"], undefined]);
  });

  it("by a cancellation while its data is still being read", async () => {
    server.cancel = true;
    const reading: Recipe = async (_, context) => {
      for (;;) await context.yieldToEventLoop();
    };
    expect(await run({ recipe: () => reading })).toBe("released");
    expect(server.releases).toEqual(["cancelled"]);
  });

  it("by the end of the process between two measurements goes on to where its state is stored", async () => {
    const measuring: Recipe = async (_, context) => {
      const progress = { totalSteps: STEPS, trainedTokens: 1, state: () => bytes("state") };
      await context.afterStep({ ...progress, step: 1 });
      shutdown.abort();
      await context.yieldToEventLoop();
      await context.afterStep({ ...progress, step: 2 });
      throw new Error("went on");
    };
    expect(await run({ recipe: () => measuring })).toBe("released");
    expect([server.releases, server.state]).toMatchObject([["shutdown"], { step: 2 }]);
  });

  it("by the end of the process stores its state at once and is handed back", async () => {
    during = (step) => {
      if (step === 2) shutdown.abort();
    };
    expect(await run()).toBe("released");
    expect([server.releases, server.state]).toMatchObject([["shutdown"], { step: 2 }]);
    expect(server.events.map(({ message }) => message)).toEqual(["from 0"]);
  });

  it("by the end of the process while its data is still coming is handed back", async () => {
    server.fault = (line) => (line.endsWith("/file-train") ? "hang" : undefined);
    setTimeout(() => shutdown.abort(), 50);
    expect(await run()).toBe("released");
    expect(server.releases).toEqual(["shutdown"]);
  });

  it("by a cancellation while a model is asked that the tenant's limits keep from answering", async () => {
    server.fault = (line) => (line.endsWith("/ask") ? { status: 429, code: "rate_limit_exceeded" } : undefined);
    const question = { model: "m", messages: [], sampling: { temperature: 0 }, at: "grader" };
    const asking: Recipe = async (job, context) => {
      await context.afterStep({ step: 1, totalSteps: STEPS, trainedTokens: 1, state: () => bytes("1") });
      server.cancel = true;
      await context.ask(question);
      return recipe(job, context);
    };
    expect(await run({ recipe: () => asking })).toBe("released");
    expect(server.releases).toEqual(["cancelled"]);
  });

  it("because another trainer has it is dropped without a word", async () => {
    const held = await lease();
    during = async (step) => {
      if (step === 2) await lease();
      await delay(step <= 2 ? 5 : 400);
    };
    expect(await run({}, held)).toBe("dropped");
    expect([server.releases, server.failures, server.completions]).toEqual([[], [], []]);
    expect(lines).toEqual(["ftjob-1: stopped: lost"]);
  });
});

describe("a job that fails", () => {
  const failing = (error: unknown): Partial<LeaseContext> => ({ recipe: () => () => Promise.reject(error) });

  it("for a reason in its data says so, and is not tried again", async () => {
    const error = new TrimtabError("invalid_dataset", "no label", { param: "training_file" });
    expect(await run(failing(error))).toBe("failed");
    expect(server.failures).toEqual([
      { error: { code: "invalid_dataset", message: "no label", param: "training_file" } },
    ]);
  });

  it("for a model that it asks and that is gone says so", async () => {
    const error = new TrimtabError("model_not_found", "no ft:x", { param: "method.ppo.reward.grader.model" });
    expect(await run(failing(error))).toBe("failed");
    expect(server.failures).toMatchObject([{ error: { code: "model_not_found", message: "no ft:x" } }]);
  });

  it("for an executor that is missing says how to install it", async () => {
    const error = new TrimtabError("executor_missing", "npm install it");
    expect(await run({ executor: () => Promise.reject(error) })).toBe("failed");
    expect(server.failures).toMatchObject([{ error: { code: "executor_missing", message: "npm install it" } }]);
  });

  it("by a fault of the trainer is left to the queue the first time, and then ended", async () => {
    const defect = failing(new TypeError("x is not a function"));
    expect(await run(defect)).toBe("dropped");
    expect([server.failures, server.releases]).toEqual([[], []]);
    expect(await run(defect)).toBe("failed");
    expect(server.failures).toMatchObject([{ error: { code: "internal_error" } }]);
    expect(JSON.stringify(server.failures)).not.toContain("not a function");
    expect(lines[1]).toContain("TypeError: x is not a function");
  });

  it("because the server is away is left to the queue", async () => {
    const error = new TrimtabError("capacity_exceeded", "away");
    expect(await run(failing(error))).toBe("dropped");
    expect(await run(failing(error))).toBe("dropped");
    expect(server.failures).toEqual([]);
  });
});
