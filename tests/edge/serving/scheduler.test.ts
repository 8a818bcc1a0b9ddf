import { describe, expect, it } from "vitest";
import { type Schedulable, Scheduler, type SchedulerLimits } from "../../../edge/serving/scheduler.ts";
import { createRandom } from "../../../shared/random.ts";

interface Job extends Schedulable {
  readonly name: string;
  /** Takes part of a memory that all jobs share. */
  readonly bytes: number;
}

const LIMITS: SchedulerLimits = { slots: 7, quota: 6, patience: 4, waitingOfTenant: 256, waiting: 1024 };
const job = (tenant: string, name: string, rows = 1, bytes = 0): Job => ({ tenant, name, rows, bytes });
const always = () => "now" as const;
const names = (jobs: readonly Job[]) => jobs.map(({ name }) => name);

describe("Scheduler", () => {
  it("takes tenants in turn, and each tenant's requests in order", () => {
    const scheduler = new Scheduler<Job>({ ...LIMITS, quota: 7 });
    for (const name of ["a1", "a2", "a3", "a4"]) scheduler.submit([job("a", name)]);
    for (const name of ["b1", "b2"]) scheduler.submit([job("b", name)]);
    scheduler.submit([job("c", "c1")]);
    expect(names(scheduler.admit(always).admitted)).toEqual(["a1", "b1", "c1", "a2", "b2", "a3", "a4"]);
  });

  it("admits a newcomer at once beside a tenant whose 200 requests wait", () => {
    const scheduler = new Scheduler<Job>(LIMITS);
    for (let i = 0; i < 200; i++) scheduler.submit([job("a", `a${i}`)]);
    expect(scheduler.admit(always).admitted).toHaveLength(6);
    expect([scheduler.runningRows, scheduler.waitingRows]).toEqual([6, 194]);
    scheduler.submit([job("b", "b")]);
    expect(names(scheduler.admit(always).admitted)).toEqual(["b"]);
  });

  it("admits a newcomer as the next one where there is no quota", () => {
    const scheduler = new Scheduler<Job>({ ...LIMITS, quota: 7 });
    const jobs = Array.from({ length: 200 }, (_, i) => job("a", `a${i}`));
    scheduler.submit(jobs);
    scheduler.admit(always);
    scheduler.submit([job("b", "b")]);
    scheduler.remove(jobs[3]!);
    // The tenant's turn comes after the one of which it took the turn: at most one of the others goes first.
    scheduler.remove(jobs[4]!);
    expect(names(scheduler.admit(always).admitted)).toContain("b");
  });

  it("admits all rows of a generation or none, and lets small ones pass only so often", () => {
    const scheduler = new Scheduler<Job>({ ...LIMITS, slots: 4, quota: 4 });
    const [first, second] = [job("a", "a1", 3), job("b", "b1", 3)];
    scheduler.submit([first]);
    scheduler.submit([second]);
    expect(names(scheduler.admit(always).admitted)).toEqual(["a1"]);
    const passing: Job[] = [];
    for (let i = 0; i < 10; i++) {
      scheduler.submit([job("c", `c${i}`)]);
      const { admitted } = scheduler.admit(always);
      for (const one of admitted) {
        passing.push(one);
        scheduler.remove(one);
      }
    }
    expect(passing).toHaveLength(4);
    scheduler.remove(first);
    expect(names(scheduler.admit(always).admitted)).toEqual(["b1", "c4"]);
  });

  it("refuses what will never fit, and goes on with what does", () => {
    const scheduler = new Scheduler<Job>(LIMITS);
    scheduler.submit([job("a", "a1", 1, 9), job("a", "a2")]);
    const room = ({ bytes }: Job) => (bytes > 8 ? "never" : "now") as "never" | "now";
    const { admitted, refused } = scheduler.admit(room);
    expect([names(admitted), names(refused)]).toEqual([["a2"], ["a1"]]);
    expect(() => scheduler.submit([job("a", "wide", 7)])).toThrow(
      expect.objectContaining({
        code: "invalid_request",
        param: "steering",
        message: expect.stringContaining("7 rows at once"),
      }),
    );
  });

  it("queues all of a request or nothing, up to a limit for each tenant and one for all", () => {
    const scheduler = new Scheduler<Job>({ ...LIMITS, waitingOfTenant: 3, waiting: 4 });
    const tooMany = expect.objectContaining({ code: "capacity_exceeded" });
    scheduler.submit([job("a", "a1"), job("a", "a2")]);
    expect(() => scheduler.submit([job("a", "a3"), job("a", "a4")])).toThrow(tooMany);
    expect(scheduler.waitingRows).toBe(2);
    scheduler.submit([job("b", "b1"), job("b", "b2")]);
    expect(() => scheduler.submit([job("c", "c1")])).toThrow(tooMany);
  });

  it("loses nothing, never stands still, starves nobody and keeps to its limits in 10,000 schedules", () => {
    for (let seed = 0; seed < 10_000; seed++) simulate(seed);
  });
});

/** Plays one random schedule to its end; throws where something is lost, waits for ever or takes more than there is. */
function simulate(seed: number): void {
  const random = createRandom(seed, "schedule");
  const slots = 1 + random.below(8);
  const quota = 1 + random.below(slots);
  const memory = 4 + random.below(8);
  const scheduler = new Scheduler<Job>({ slots, quota, patience: slots, waitingOfTenant: 1000, waiting: 1000 });
  const open = new Set<Job>();
  const running = new Map<Job, number>();
  /** How many of other tenants went first while this one was the first of its tenant, who was below the quota. */
  const overtaken = new Map<Job, number>();
  let toCome = 5 + random.below(25);
  let turns = 0;
  const used = (jobs: Iterable<Job>) => [...jobs].reduce((sum, { bytes }) => sum + bytes, 0);

  while (toCome > 0 || open.size > 0) {
    if (++turns > 2_000) throw new Error(`seed ${seed}: stands still with ${open.size} open`);
    while (toCome > 0 && random.float() < 0.4) {
      const tenant = String(random.below(4));
      const group = Array.from({ length: 1 + random.below(2) }, () =>
        job(tenant, `${seed}.${toCome--}`, 1 + random.below(quota), random.below(memory + 2)),
      );
      scheduler.submit(group);
      for (const one of group) open.add(one);
    }
    const heldBy = (tenant: string) =>
      [...running.keys()].filter((one) => one.tenant === tenant).reduce((sum, { rows }) => sum + rows, 0);
    const waiting = [...open].filter((one) => !running.has(one));
    const firsts = waiting.filter((one) => waiting.find(({ tenant }) => tenant === one.tenant) === one);
    const entitled = firsts.filter(({ tenant, rows }) => heldBy(tenant) + rows <= quota);
    const { admitted, refused } = scheduler.admit((candidate, before) => {
      if (candidate.bytes > memory) return "never";
      return used([...running.keys(), ...before, candidate]) <= memory ? "now" : "later";
    });
    for (const one of refused) {
      if (one.bytes <= memory || !open.delete(one)) throw new Error(`seed ${seed}: ${one.name} was refused wrongly`);
    }
    for (const one of admitted) {
      if (!open.has(one) || running.has(one)) throw new Error(`seed ${seed}: ${one.name} was admitted twice`);
      const next = waiting.find((each) => each.tenant === one.tenant && open.has(each) && !running.has(each));
      if (next !== one) throw new Error(`seed ${seed}: ${one.name} jumped its queue`);
      running.set(one, 1 + random.below(6));
      for (const first of entitled) {
        if (!open.has(first) || running.has(first) || first.tenant === one.tenant) continue;
        overtaken.set(first, (overtaken.get(first) ?? 0) + 1);
      }
    }
    const rows = [...running.keys()].reduce((sum, one) => sum + one.rows, 0);
    if (rows > slots || rows !== scheduler.runningRows) throw new Error(`seed ${seed}: ${rows} rows in ${slots} slots`);
    if (used(running.keys()) > memory) throw new Error(`seed ${seed}: memory is over`);
    for (let tenant = 0; tenant < 4; tenant++) {
      if (heldBy(String(tenant)) > quota) throw new Error(`seed ${seed}: over the quota`);
    }
    for (const [one, left] of [...running]) {
      if (left > 1) running.set(one, left - 1);
      else {
        running.delete(one);
        open.delete(one);
        scheduler.remove(one);
      }
    }
    const [candidate] = open;
    if (candidate !== undefined && random.float() < 0.05) {
      scheduler.remove(candidate);
      running.delete(candidate);
      open.delete(candidate);
    }
  }
  if (scheduler.runningRows + scheduler.waitingRows !== 0) throw new Error(`seed ${seed}: something stayed behind`);
  // Each other tenant once in turn, and as many as may pass one that does not fit.
  const most = Math.max(0, ...overtaken.values());
  if (most > slots + 3) throw new Error(`seed ${seed}: ${most} went before one whose turn it was`);
}
