/**
 * One run of the simulated stack: users, trainers and faults for a while, then quiet. Says what was broken, which should be nothing.
 *
 * In the quiet no trainer asks for work at first: what is held lapses, and within a sweep the Dispatcher and the tenants agree on
 * every job. Then trainers come back, and every job that is not paused ends.
 */
import { remote } from "../../edge/objects/rpc.ts";
import type { Tenant } from "../../edge/objects/tenant.ts";
import type { Job } from "../../shared/api/jobs.ts";
import { createRandom } from "../../shared/random.ts";
import { FILE, type SimulatedStack } from "./stack.ts";
import { SimulatedTrainer } from "./trainer.ts";
import type { Faults } from "./world.ts";

const HOSTILE_MS = 60_000;
/** A lapse and a comparison, each as late as the clock was put back. */
const SETTLE_MS = 210_000;
const FINISH_MS = 400_000;
const TRAINERS = 2;
const ENDED: readonly string[] = ["succeeded", "failed", "cancelled"];

/** What a user knows of a job. */
interface Known {
  readonly tenant: string;
  /** The last change that was acknowledged with none asked for since. */
  certain: "paused" | "resumed" | "cancelled" | null;
  reported: Set<number>;
}

interface Seen {
  readonly status: string;
  readonly fence: number;
}

export interface SeedResult {
  readonly seed: number;
  readonly problems: readonly string[];
  readonly trace: readonly string[];
  readonly jobs: number;
}

export async function runSeed(stack: SimulatedStack, seed: number): Promise<SeedResult> {
  const { world, dispatcher, tenants } = stack;
  world.reset(seed, faultsOf(seed));
  const problems: string[] = [];
  const jobs = new Map<string, Known>();
  const seen = new Map<string, Seen>();
  const looked = new Map<string, number>();
  const problem = (text: string) => {
    if (problems.length < 20) problems.push(text);
    world.say(`BROKEN: ${text}`);
  };

  world.onTurn = () => {
    for (const [id, { storage }] of tenants) {
      // What is not confirmed may be lost, and a crash may grant its fence again.
      if (storage.dirty || storage.writes === looked.get(id)) continue;
      looked.set(id, storage.writes);
      for (const { id: job, status, fence } of storage.all<Seen & { id: string }>(
        "SELECT id, status, fence FROM jobs",
      )) {
        const before = seen.get(job);
        if (before?.status !== status || before.fence !== fence) {
          world.say(`${id}: ${job} is ${status} under ${fence}`);
          seen.set(job, { status, fence });
        }
        if (before === undefined || !jobs.has(job)) continue;
        if (fence < before.fence) problem(`${job}: its fence went from ${before.fence} to ${fence}`);
      }
    }
  };

  const acts = users();
  const trainers = Array.from({ length: TRAINERS }, (_, index) => {
    const hooks = {
      leased: (job: string, fence: number) => {
        // Whoever holds a job holds it under a fence of its own.
        const key = `${job} ${fence}`;
        if (held.has(key)) problem(`${job} was leased twice under the fence ${fence}`);
        held.add(key);
      },
      reported: (job: string, step: number) => void jobs.get(job)?.reported.add(step),
    };
    const trainer = new SimulatedTrainer(
      world,
      `trainer ${index}`,
      { dispatcher, tenants: (id) => tenants.get(id)! },
      hooks,
    );
    trainer.start();
    return trainer;
  });
  disturb();
  await world.runUntil(HOSTILE_MS);

  acts.stop();
  world.say("quiet: no faults, and nobody asks for work");
  world.faults = { ...world.faults, lost: 0, slow: 0, crashEvery: Infinity, crashAfterAct: 0, jumpEvery: Infinity };
  for (const trainer of trainers) trainer.kill();
  await world.runUntil(HOSTILE_MS + SETTLE_MS);
  checkAgreement();
  world.say("trainers come back");
  for (const trainer of trainers) trainer.start();
  for (let until = world.time + 10_000; until <= HOSTILE_MS + SETTLE_MS + FINISH_MS; until += 10_000) {
    await world.runUntil(until);
    if (live().length === 0) break;
  }
  // Long enough for what an ended job leaves behind.
  await world.runUntil(world.time + SETTLE_MS);
  checkEnds();
  for (const trainer of trainers) trainer.kill();
  world.onTurn = () => {};
  return { seed, problems, trace: [...world.trace], jobs: jobs.size };

  function users() {
    let stopped = false;
    const ask = async (tenant: string): Promise<void> => {
      const calls = remote<Tenant>(tenants.get(tenant)!.calledBy(null)).jobs;
      while (!stopped) {
        await world.sleep(world.between(50, 4_000));
        if (stopped) return;
        const own = [...jobs].filter(([, known]) => known.tenant === tenant);
        if (world.chance(world.faults.crashAfterAct)) {
          world.schedule(world.between(0, 30), () => {
            for (const object of world.objects.values()) object.crash();
          });
        }
        if (own.length === 0 || (own.length < 3 && world.chance(0.3))) {
          const request = { model: "base", training_file: FILE, seed: 1 };
          const base = { id: "base", digest: "d", prefix: "p/", files: [] };
          const method = { type: "synthesize", synthesize: {} } as never;
          try {
            const { id } = (await calls.create({ request, method, base }, null)) as Job;
            jobs.set(id, { tenant, certain: null, reported: new Set() });
          } catch {
            // It may exist: nobody was told so.
          }
          continue;
        }
        const [job, known] = world.pick(own);
        const change = world.pick(["pause", "resume", "pause", "resume", "cancel"] as const);
        if (known.certain === "cancelled") continue;
        known.certain = null;
        world.say(`${tenant} asks to ${change} ${job}`);
        try {
          await calls[change](job);
          known.certain = change === "pause" ? "paused" : change === "resume" ? "resumed" : "cancelled";
          world.say(`${tenant} was told that ${job} is ${known.certain}`);
        } catch {
          // Not known to have happened.
        }
      }
    };
    for (const tenant of tenants.keys()) void ask(tenant);
    return {
      stop() {
        stopped = true;
      },
    };
  }

  function disturb(): void {
    const quiet = () => world.time >= HOSTILE_MS;
    const every = (mean: number, act: () => void): void => {
      if (!Number.isFinite(mean)) return;
      world.schedule(-mean * Math.log(1 - world.random.float()), () => {
        if (quiet()) return;
        act();
        every(mean, act);
      });
    };
    every(world.faults.crashEvery, () => {
      const all = [...world.objects.values()];
      if (world.chance(0.5)) world.pick(all).crash();
      else for (const object of all) object.crash();
    });
    every(world.faults.jumpEvery, () =>
      world.jump(world.pick([world.between(-60_000, 0), world.between(0, 3_600_000)])),
    );
    every(15_000, () => {
      const trainer = world.pick(trainers);
      if (world.chance(0.5)) trainer.freeze(world.between(5_000, 40_000));
      else {
        trainer.kill();
        trainer.start();
      }
    });
  }

  function rows() {
    return [...tenants].flatMap(([tenant, { storage }]) =>
      storage.all<{ id: string; status: string }>("SELECT id, status FROM jobs").map((row) => ({ ...row, tenant })),
    );
  }

  function live() {
    return rows().filter(({ status }) => !ENDED.includes(status) && status !== "paused");
  }

  /** With no trainer about, every job is known to the queue as its tenant says. */
  function checkAgreement(): void {
    const queue = new Map(
      dispatcher.storage
        .all<{ job: string; state: string }>("SELECT job, state FROM queue")
        .map(({ job, state }) => [job, state]),
    );
    for (const { id, status } of rows()) {
      const state = queue.get(id);
      queue.delete(id);
      if (status === "queued" && state !== "queued")
        problem(`${id} is queued, and the queue says: ${state ?? "unknown"}`);
      else if (status === "running")
        problem(`${id} is running, and nobody holds it; the queue says: ${state ?? "unknown"}`);
      else if (status !== "queued" && state !== undefined)
        problem(`${id} is ${status}, and the queue has it: ${state}`);
    }
    for (const job of queue.keys()) problem(`the queue has ${job}, which no tenant has`);
  }

  function checkEnds(): void {
    const statuses = new Map(rows().map(({ id, status }) => [id, status]));
    const holds = dispatcher.storage.all<{ job: string }>("SELECT job FROM queue UNION SELECT job FROM paused_jobs");
    for (const { job } of holds) {
      const status = statuses.get(job);
      if (status === undefined || ENDED.includes(status))
        problem(`${job} is ${status ?? "unknown"} and still holds its base`);
    }
    for (const { id, status } of live()) problem(`${id} is ${status}, and never ends`);
    for (const [id, { tenant, certain, reported }] of jobs) {
      const status = statuses.get(id);
      const { storage } = tenants.get(tenant)!;
      if (status === undefined) problem(`${id} was acknowledged and is gone`);
      if (certain === "cancelled" && status !== "cancelled") problem(`${id} was cancelled and is ${status}`);
      if (certain === "paused" && status !== "paused" && !ENDED.includes(status ?? ""))
        problem(`${id} was paused and is ${status}`);
      if (certain === "resumed" && status === "paused") problem(`${id} was resumed and is paused`);
      const steps = storage
        .all<{ message: string }>("SELECT message FROM events WHERE job = ? AND message LIKE 'step %'", id)
        .map(({ message }) => Number(message.slice(5)));
      for (const step of reported)
        if (!steps.includes(step)) problem(`${id}: what it reported of step ${step} is lost`);
      const ends = storage.all("SELECT 1 FROM events WHERE job = ? AND message LIKE '%successfully completed'", id);
      if (ends.length !== (status === "succeeded" ? 1 : 0))
        problem(`${id} is ${status} and completed ${ends.length} times`);
    }
  }
}

const held = new Set<string>();

function faultsOf(seed: number): Faults {
  held.clear();
  const random = createRandom(seed, "faults");
  const pick = <T>(of: readonly T[]): T => of[random.below(of.length)]!;
  return {
    lost: pick([0, 0.02, 0.1, 0.2]),
    slow: pick([0, 0.05, 0.2]),
    crashEvery: pick([Infinity, 20_000, 5_000]),
    crashAfterAct: pick([0, 0.1, 0.5]),
    jumpEvery: pick([Infinity, Infinity, 20_000]),
  };
}
