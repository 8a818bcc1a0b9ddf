/** Sweeps whose object is killed at every point of their course, and go on as if nothing had been. */
import { beforeAll, expect, it, vi } from "vitest";
import { publish } from "../../../../../edge/objects/tenant/artefact-rows.ts";
import type { TenantContext } from "../../../../../edge/objects/tenant/context.ts";
import { addTrainerEvents, listEvents } from "../../../../../edge/objects/tenant/events.ts";
import { beginLease } from "../../../../../edge/objects/tenant/holds.ts";
import { end } from "../../../../../edge/objects/tenant/job-course.ts";
import {
  baseOf,
  findJob,
  isTerminal,
  jobOf,
  keepResult,
  requireJob,
  specOf,
} from "../../../../../edge/objects/tenant/job-rows.ts";
import { jobs } from "../../../../../edge/objects/tenant/jobs.ts";
import { noteHeld, noteTrialBegun } from "../../../../../edge/objects/tenant/sweeps/apply.ts";
import { changeSweep } from "../../../../../edge/objects/tenant/sweeps/change.ts";
import { noteMeasured } from "../../../../../edge/objects/tenant/sweeps/measured.ts";
import type { PlannedTrial } from "../../../../../edge/objects/tenant/sweeps/sweep-rows.ts";
import { sweeps } from "../../../../../edge/objects/tenant/sweeps/sweeps.ts";
import { Method } from "../../../../../shared/api/methods.ts";
import { SweepSettings } from "../../../../../shared/api/sweeps.ts";
import { contextOf, Fate, Queue } from "../../../support/mortal-tenant.ts";
import { BASE, DATASET_FACTS, givenFile, withTenant } from "../../../support/tenant-database.ts";

/** The loss of a trial by its seed, which training leaves as it is. */
const LOSS: Readonly<Record<number, number>> = { 1: 3, 2: 1, 3: 2, 4: 4 };

/** Takes the job that waits; brings it to its rung or its end, as the trainer's calls do. */
function train(context: TenantContext, queue: Queue): void {
  const { db } = context;
  const [job] = queue.jobs;
  if (job === undefined) return;
  const row = findJob(db, job);
  if (row === undefined || isTerminal(row.status) || row.status === "paused") {
    queue.jobs.delete(job);
    return;
  }
  const fence = row.fence + 1;
  const pauseAt = db.transaction(() => {
    const { lease } = beginLease(db, { job, fence, tenant: "t", attempt: 1, leaseSeconds: 30 });
    if (lease !== null) noteTrialBegun(context, job);
    return lease?.pause_at;
  });
  const { seed } = specOf(row);
  const step = pauseAt ?? 9;
  const data = { step, valid_loss: LOSS[seed] };
  const event = { seq: 0, level: "info", message: "", type: "metrics", data } as const;
  db.transaction(() => {
    noteMeasured(db, job, [event]);
    addTrainerEvents(db, { job, fence, events: [{ ...event, id: `e-${job}-${step}` }] }, 6_000);
  });
  if (pauseAt !== undefined) {
    db.transaction(() => noteHeld(context, job));
    queue.jobs.delete(job);
    return;
  }
  db.transaction(() => {
    const model = `ft:${job}`;
    const files = [{ name: "a", bytes: 1, sha256: "a".repeat(64) }];
    const result = { kind: "delta" as const, digest: String(seed).repeat(64), files };
    publish(db, { tenant: "t", name: model, result, base: baseOf(row), manifest: null, job }, 6_000);
    keepResult(db, job, { result, metrics: { tuned_loss: LOSS[seed]! }, trained_tokens: 7, model });
    end(context, job, { status: "succeeded", message: "done" });
  });
  queue.jobs.delete(job);
}

function trialsOf(seeds: readonly number[]): PlannedTrial[] {
  return seeds.map((seed, index) => ({
    trial: index + 1,
    settings: { seed },
    request: { model: "base", training_file: "file-1", validation_file: "file-2", seed },
    method: Method.parse({ type: "supervised" }),
    base: BASE,
  }));
}

const seeds = [1, 2, 3, 4];
const common = { method: { type: "supervised" }, axes: [{ path: "seed", values: seeds }] };
const GRID = SweepSettings.parse({ ...common, parallel: 2 });
const HALVING = SweepSettings.parse({
  ...common,
  search: "halving",
  halving: { min_steps: 2, max_steps: 8, eta: 2 },
  parallel: 3,
});

/** Runs a sweep to its end with a kill at the n-th point. Returns what a user sees of it, and how many points there were. */
function run(settings: SweepSettings, killAt: number) {
  return withTenant(async (db) => {
    for (const id of ["file-1", "file-2"]) givenFile(db, id, 1, { ...DATASET_FACTS, kinds: ["examples", "prompts"] });
    const fate = new Fate(killAt);
    const queue = new Queue();
    const ids = { next: 0 };
    const request = { model: "base", training_file: "file-1", validation_file: "file-2", seed: 3 };
    const asked = { request, settings, trials: trialsOf(seeds), seed: 3 };
    const live = async (body: (context: TenantContext) => unknown): Promise<void> => {
      try {
        await body(contextOf(db, fate, queue, ids));
      } catch (error) {
        if (!fate.dead) throw error;
      }
      fate.dead = false;
    };
    await live((context) => sweeps.open(context).calls.create(asked, null));
    // A client whose request was lost before anything was stored sends it again.
    if (db.get("SELECT 1 FROM sweeps") === undefined) {
      await live((context) => sweeps.open(context).calls.create(asked, null));
    }
    const { job } = db.get<{ job: string }>("SELECT job FROM sweeps")!;
    for (let turn = 0; turn < 60 && !isTerminal(requireJob(db, job).status); turn++) {
      await live(async (context) => {
        await sweeps.open(context).duty!.run();
        await jobs.open(context).duty!.run();
      });
      await live((context) => train(context, queue));
    }
    // The last turns tell the Dispatcher.
    await live((context) => jobs.open(context).duty!.run());
    await live((context) => train(context, queue));
    const shown = jobOf(db, requireJob(db, job));
    const events = listEvents(db, job, { limit: 100 }).data.map(({ message }) => message);
    const files = db.all<{ filename: string }>("SELECT filename FROM files WHERE job = ? AND state = 'ready'", job);
    const models = db.all<{ id: string }>("SELECT id FROM models").length;
    return {
      shown,
      events,
      files: files.length,
      models,
      bases: queue.bases.size,
      left: queue.jobs.size,
      points: fate.points,
    };
  });
}

const plain = (text: string) => text.replace(/ftjob-\d+/g, "J");
const course = ({ trials, best }: Awaited<ReturnType<typeof run>>["shown"]) => ({
  trials: trials!.map(({ status, value, steps, reason, rung }) => ({ status, value, steps, reason, rung })),
  best: best?.trial,
});

// What a kill interrupts is logged.
beforeAll(() => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  return () => warn.mockRestore();
});

it.each([
  ["a grid", GRID, ["succeeded", "succeeded", "succeeded", "succeeded"]],
  ["successive halving", HALVING, ["pruned", "succeeded", "pruned", "pruned"]],
] as const)("%s comes to the same end wherever it is killed", async (_, settings, statuses) => {
  const undisturbed = await run(settings, -1);
  const outcome = { files: 3, models: 1, bases: 0, left: 0 };
  expect(undisturbed).toMatchObject({ ...outcome, shown: { status: "succeeded", best: { trial: 2, value: 1 } } });
  expect(undisturbed.shown.trials!.map(({ status }) => status)).toEqual(statuses);
  expect(undisturbed.points).toBeGreaterThan(30);
  for (let killAt = 0; killAt < undisturbed.points; killAt++) {
    const killed = await run(settings, killAt);
    expect({ killAt, ...killed }).toMatchObject({ killAt, ...outcome, shown: { status: "succeeded" } });
    expect(course(killed.shown), `killed at ${killAt}`).toEqual(course(undisturbed.shown));
    // Which of several trials is first depends on the kill; what is said of each does not.
    expect(new Set(killed.events.map(plain)), `killed at ${killAt}`).toEqual(new Set(undisturbed.events.map(plain)));
  }
});

it("a trial that has ended before its sweep is cancelled keeps its result, also unnoted", () =>
  withTenant(async (db) => {
    for (const id of ["file-1", "file-2"]) givenFile(db, id, 1, { ...DATASET_FACTS, kinds: ["examples", "prompts"] });
    const queue = new Queue();
    const context = contextOf(db, new Fate(-1), queue, { next: 0 });
    const request = { model: "base", training_file: "file-1", validation_file: "file-2", seed: 3 };
    const { id } = await sweeps
      .open(context)
      .calls.create({ request, settings: GRID, trials: trialsOf(seeds), seed: 3 }, null);
    await jobs.open(context).duty!.run();
    train(context, queue);
    await changeSweep(context, id, "cancelled");
    const { status, trials } = jobOf(db, requireJob(db, id));
    expect(status).toBe("cancelled");
    expect(trials!.filter((trial) => trial.status === "succeeded")).toMatchObject([{ value: 3, reason: null }]);
    expect(trials!.map((trial) => trial.status).toSorted()).toEqual(["cancelled", "skipped", "skipped", "succeeded"]);
  }));
