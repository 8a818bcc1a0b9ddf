/** A pipeline whose object is killed at every point of its course, and goes on as if nothing had been. */
import { beforeAll, expect, it, vi } from "vitest";
import { publish } from "../../../../../edge/objects/tenant/artefact-rows.ts";
import type { TenantContext } from "../../../../../edge/objects/tenant/context.ts";
import { listEvents } from "../../../../../edge/objects/tenant/events.ts";
import { beginLease } from "../../../../../edge/objects/tenant/holds.ts";
import { end } from "../../../../../edge/objects/tenant/job-course.ts";
import {
  baseOf,
  findJob,
  isTerminal,
  jobOf,
  keepResult,
  requireJob,
} from "../../../../../edge/objects/tenant/job-rows.ts";
import { jobs } from "../../../../../edge/objects/tenant/jobs.ts";
import { resultMetrics } from "../../../../../edge/objects/tenant/pipelines/advance.ts";
import { noteBegun } from "../../../../../edge/objects/tenant/pipelines/apply.ts";
import { pipelines } from "../../../../../edge/objects/tenant/pipelines/pipelines.ts";
import { completePipeline } from "../../../../../shared/api/pipeline-presets.ts";
import { PipelineSettings } from "../../../../../shared/api/pipelines.ts";
import { contextOf, Fate, Queue } from "../../../support/mortal-tenant.ts";
import { BASE, DATASET_FACTS, givenFile, givenJob, JOB, withTenant } from "../../../support/tenant-database.ts";

/** Takes the job that waits, and completes it, as the trainer's calls do. */
function train(context: TenantContext, queue: Queue): void {
  const { db } = context;
  const [job] = queue.jobs;
  if (job === undefined) return;
  const row = findJob(db, job);
  if (row === undefined || isTerminal(row.status)) {
    queue.jobs.delete(job);
    return;
  }
  db.transaction(() => {
    const { lease } = beginLease(db, { job, fence: row.fence + 1, tenant: "t", attempt: 1, leaseSeconds: 30 });
    if (lease !== null) noteBegun(context, job);
  });
  const result = {
    kind: "delta" as const,
    digest: job.slice(-2).repeat(32),
    files: [{ name: "a", bytes: 1, sha256: "a".repeat(64) }],
  };
  db.transaction(() => {
    const model = `ft:${job}`;
    publish(db, { tenant: "t", name: model, result, base: baseOf(row), manifest: null, job }, 6_000);
    keepResult(db, job, { result, metrics: { loss: 0.5 }, trained_tokens: 7, model });
    end(context, job, { status: "succeeded", message: "done" });
  });
  queue.jobs.delete(job);
}

const settings = PipelineSettings.parse({
  stages: [
    { name: "one", method: { type: "supervised" }, gate: { metric: "loss", at_most: 1 } },
    { name: "two", method: { type: "supervised" }, model: { stage: "one" } },
    { name: "three", method: { type: "supervised" }, model: { stage: "two" }, training_file: "file-2" },
  ],
});

/** Runs a pipeline to its end with a kill at the n-th point. Returns what a user sees of it, and how many points there were. */
function run(killAt: number, stages = settings) {
  return withTenant(async (db) => {
    for (const id of ["file-1", "file-2"]) givenFile(db, id, 1, { ...DATASET_FACTS, kinds: ["examples", "prompts"] });
    const fate = new Fate(killAt);
    const queue = new Queue();
    const ids = { next: 0 };
    const request = { model: "base", training_file: "file-1", seed: 3 };
    const asked = { request, pipeline: completePipeline(stages), base: BASE };
    const live = async (body: (context: TenantContext) => unknown): Promise<void> => {
      try {
        await body(contextOf(db, fate, queue, ids));
      } catch (error) {
        if (!fate.dead) throw error;
      }
      fate.dead = false;
    };
    await live((context) => pipelines.open(context).calls.create(asked, null));
    // A client whose request was lost before anything was stored sends it again.
    if (db.get("SELECT 1 FROM pipelines") === undefined) {
      await live((context) => pipelines.open(context).calls.create(asked, null));
    }
    const { job } = db.get<{ job: string }>("SELECT job FROM pipelines")!;
    for (let turn = 0; turn < 40 && !isTerminal(requireJob(db, job).status); turn++) {
      await live(async (context) => {
        await pipelines.open(context).duty!.run();
        await jobs.open(context).duty!.run();
      });
      await live((context) => train(context, queue));
    }
    // The last turn tells the Dispatcher.
    await live((context) => jobs.open(context).duty!.run());
    const shown = jobOf(db, requireJob(db, job));
    const events = listEvents(db, job, { limit: 100 }).data.map(({ message }) => message);
    const created = db.all<{ id: string }>("SELECT id FROM jobs").length;
    const trained = db.all("SELECT id FROM jobs WHERE result IS NOT NULL").length;
    return { shown, events, created, trained, bases: queue.bases.size, points: fate.points, job };
  });
}

const plain = (text: string) => text.replace(/ftjob-\d+/g, "J");

// What a kill interrupts is logged.
beforeAll(() => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  return () => warn.mockRestore();
});

it("comes to the same end wherever it is killed", async () => {
  const undisturbed = await run(-1);
  expect(undisturbed.shown).toMatchObject({ status: "succeeded", trained_tokens: 21 });
  expect(undisturbed).toMatchObject({ created: 4, trained: 3, bases: 0 });
  expect(undisturbed.points).toBeGreaterThan(30);
  for (let killAt = 0; killAt < undisturbed.points; killAt++) {
    const { shown, events, created, trained, bases } = await run(killAt);
    expect({ killAt, status: shown.status, created, trained, bases }).toEqual({
      ...{ killAt, status: "succeeded", created: 4, trained: 3, bases: 0 },
    });
    expect(events.map(plain), `killed at ${killAt}`).toEqual(undisturbed.events.map(plain));
    expect(shown.stages!.map(({ status, metrics, gate }) => ({ status, metrics, gate }))).toEqual(
      undisturbed.shown.stages!.map(({ status, metrics, gate }) => ({ status, metrics, gate })),
    );
  }
});

it.each(["reward_model", "preferences"] as const)(
  "a gate's stop ends with what answers: a constitutional stage that makes %s",
  async (mode) => {
    const constitutional = { mode, constitution: { principles: [{ principle: "Be kind." }] } };
    const stages = PipelineSettings.parse({
      stages: [
        { name: "labels", method: { type: "constitutional", constitutional } },
        { name: "tuned", method: { type: "supervised" }, gate: { metric: "loss", at_most: 0.1 } },
      ],
    });
    const { shown } = await run(-1, stages);
    expect(shown).toMatchObject(
      mode === "preferences"
        ? { status: "succeeded", fine_tuned_model: `ft:${shown.stages![0]!.job}` }
        : { status: "failed", fine_tuned_model: null, error: { code: "gate_not_passed" } },
    );
  },
);

it("a stage's metrics are those of its end, then those of its last step, and none that only an earlier step measured", () =>
  withTenant((db) => {
    const row = givenJob(db, JOB);
    const event = (step: number, data: object) =>
      db.run(
        "INSERT INTO events (id, job, step, created_at, level, message, type, data) VALUES (?, ?, ?, 1, 'info', '', 'metrics', ?)",
        ...[`e${step}`, JOB, step, JSON.stringify({ step, total_steps: 2, ...data })],
      );
    event(1, { loss: 3, "valid_rewards/accuracies": 0.5 });
    event(2, { loss: 2, valid_loss: 9, "rewards/accuracies": 0.75, note: "text", kl: null });
    expect(resultMetrics(db, { ...row, metrics: JSON.stringify({ valid_loss: 1 }) })).toEqual({
      valid_loss: 1,
      loss: 2,
      "rewards/accuracies": 0.75,
    });
    expect(resultMetrics(db, { ...row, id: "ftjob-none", metrics: null })).toEqual({});
  }));
