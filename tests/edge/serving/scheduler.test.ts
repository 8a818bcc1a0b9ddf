import { describe, expect, it } from "vitest";
import { type Schedulable, Scheduler, type SchedulerLimits } from "../../../edge/serving/scheduler.ts";
import { createRandom } from "../../../shared/random.ts";

interface Job extends Schedulable {
  readonly name: string;
  /** Takes part of a memory that all jobs share. */
  readonly bytes: number;
}

const LIMITS: SchedulerLimits = { slots: 7, quota: 6, patience: 4, waitingOfTenant: 256, waiting: 1024, term: 8 };
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

  it("queues all of a request or nothing, and refuses who has too much waiting", () => {
    const scheduler = new Scheduler<Job>({ ...LIMITS, waitingOfTenant: 3 });
    scheduler.submit([job("a", "a1"), job("a", "a2")]);
    expect(() => scheduler.submit([job("a", "a3"), job("a", "a4")])).toThrow(
      expect.objectContaining({
        code: "rate_limit_exceeded",
        message: "Too many of your requests wait for this model. Send fewer at a time, or ask for fewer choices.",
      }),
    );
    expect(scheduler.waitingRows).toBe(2);
  });

  it("lets the newest of those with most waiting make place where the queue is full", () => {
    const scheduler = new Scheduler<Job>({ ...LIMITS, waiting: 12 });
    const jobs = (tenant: string, count: number) =>
      Array.from({ length: count }, (_, i) => job(tenant, `${tenant}${i}`));
    scheduler.submit(jobs("a", 8));
    scheduler.submit(jobs("b", 4));
    expect(names(scheduler.submit(jobs("c", 3)))).toEqual(["a7", "a6", "a5"]);
    expect(() => scheduler.submit(jobs("d", 6))).toThrow(expect.objectContaining({ code: "capacity_exceeded" }));
    expect(scheduler.waitingRows).toBe(12);
  });

  it("refuses a tenant where the queue is full and nobody has more waiting", () => {
    const scheduler = new Scheduler<Job>({ ...LIMITS, waiting: 2 });
    for (const tenant of ["a", "b"]) scheduler.submit([job(tenant, "1")]);
    expect(() => scheduler.submit([job("a", "2")])).toThrow(expect.objectContaining({ code: "rate_limit_exceeded" }));
    expect(() => scheduler.submit([job("c", "1")])).toThrow(expect.objectContaining({ code: "capacity_exceeded" }));
    expect(scheduler.waitingRows).toBe(2);
  });

  it("pauses what a tenant holds beyond its share, the latest first, and lets it go on first", () => {
    const scheduler = new Scheduler<Job>(LIMITS);
    scheduler.submit(Array.from({ length: 8 }, (_, i) => job("a", `a${i}`)));
    scheduler.submit([job("b", "b0")]);
    expect(names(admit(scheduler).admitted)).toEqual(["a0", "b0", "a1", "a2", "a3", "a4", "a5"]);
    const c = Array.from({ length: 4 }, (_, i) => job("c", `c${i}`));
    scheduler.submit(c);
    expect(admit(scheduler)).toMatchObject({ paused: [{ name: "a5" }], admitted: [{ name: "c0" }] });
    expect(admit(scheduler)).toMatchObject({ paused: [{ name: "a4" }], admitted: [{ name: "c1" }] });
    expect(admit(scheduler)).toMatchObject({ paused: [{ name: "a3" }], admitted: [{ name: "c2" }] });
    // Three rows each, and one of b: nobody has more than a fair share.
    expect(admit(scheduler)).toEqual({ paused: [], admitted: [] });
    for (const one of c.slice(0, 3)) scheduler.remove(one);
    expect(names(admit(scheduler).admitted)).toEqual(["c3", "a5", "a4"]);
  });

  it("has tenants take terms where there are more of them than rows", () => {
    const scheduler = new Scheduler<Job>({ ...LIMITS, slots: 2, quota: 2 });
    for (const tenant of ["a", "b", "c"]) scheduler.submit([job(tenant, tenant)]);
    expect(names(admit(scheduler).admitted)).toEqual(["a", "b"]);
    for (let turn = 1; turn < LIMITS.term; turn++) expect(admit(scheduler)).toEqual({ paused: [], admitted: [] });
    expect(admit(scheduler)).toMatchObject({ paused: [{ name: "b" }], admitted: [{ name: "c" }] });
    expect(admit(scheduler)).toMatchObject({ paused: [{ name: "a" }], admitted: [{ name: "b" }] });
    expect(admit(scheduler)).toEqual({ paused: [], admitted: [] });
  });

  it("pauses nothing that cannot be, and nothing in vain", () => {
    const scheduler = new Scheduler<Job>(LIMITS);
    scheduler.submit([job("a", "a0", 3), job("a", "a1", 3)]);
    scheduler.submit([job("b", "b0", 1)]);
    admit(scheduler);
    scheduler.submit([job("c", "wide", 5), job("c", "c0", 1)]);
    for (let turn = 0; turn < 3 * LIMITS.term; turn++) {
      expect(admit(scheduler, ({ name }) => name === "a0")).toEqual({ paused: [], admitted: [] });
    }
    expect(admit(scheduler)).toMatchObject({
      paused: [{ name: "a1" }, { name: "a0" }],
      admitted: [{ name: "wide" }, { name: "c0" }],
    });
  });

  it("gives a newcomer rows at once beside floods of any kind, in 2,000 schedules", () => {
    for (let seed = 0; seed < 2_000; seed++) flood(seed);
  });

  it("orders tenants by what they have been served of late, and those that come back first", () => {
    const scheduler = new Scheduler<Job>({ ...LIMITS, quota: 7 });
    for (const tenant of ["a", "b"]) scheduler.submit([job(tenant, tenant)]);
    scheduler.serve("a", 5000);
    scheduler.serve("b", 500);
    expect(scheduler.compareService("b", "a")).toBeLessThan(0);
    // Ahead of both, by a credit that does not grow with what they have had.
    expect(scheduler.compareService("c", "b")).toBeLessThan(0);
    scheduler.serve("c", 1100);
    expect(scheduler.compareService("b", "c")).toBeLessThan(0);
  });

  it("loses nothing, never stands still, starves nobody and keeps to its limits in 10,000 schedules", () => {
    for (let seed = 0; seed < 10_000; seed++) simulate(seed);
  });
});

/** A turn of a scheduler where only rows are short. */
function admit(scheduler: Scheduler<Job>, canPause: (one: Job) => boolean = () => true) {
  scheduler.nextTurn();
  const paused = scheduler.pause({ fits: () => true, canPause });
  return { paused, admitted: scheduler.admit(always).admitted };
}

/** Tenants that flood, as many as there are rows beside one for the newcomer, with texts that never end. */
function flood(seed: number): void {
  const random = createRandom(seed, "flood");
  const slots = 2 + random.below(8);
  const quota = Math.max(1, slots - Math.ceil(slots / 8));
  const scheduler = new Scheduler<Job>({ ...LIMITS, slots, quota, term: 1 + random.below(20) });
  const tenants = 1 + random.below(slots - 1);
  for (let turn = random.below(40); turn >= 0; turn--) {
    for (let tenant = 0; tenant < tenants; tenant++) {
      const choices = Array.from({ length: random.below(17) }, () => job(`flood ${tenant}`, "x", 1));
      try {
        scheduler.submit(choices);
      } catch {
        // It has as much waiting as it may.
      }
    }
    admit(scheduler);
  }
  const own = job("newcomer", "own");
  scheduler.submit([own]);
  if (!admit(scheduler).admitted.includes(own)) throw new Error(`seed ${seed}: a newcomer has to wait`);
  // More tenants than rows: each gets its terms.
  const late = Array.from({ length: slots }, (_, i) => job(`late ${i}`, "own"));
  for (const one of late) scheduler.submit([one]);
  const began = new Set<Job>();
  for (let turn = 0; turn < 22 * 3 && began.size < late.length; turn++) {
    for (const one of admit(scheduler).admitted) if (late.includes(one)) began.add(one);
  }
  if (began.size < late.length) throw new Error(`seed ${seed}: ${late.length - began.size} tenants never got a row`);
}

/** Plays one random schedule to its end; throws where something is lost, waits for ever or takes more than there is. */
function simulate(seed: number): void {
  const random = createRandom(seed, "schedule");
  const slots = 1 + random.below(8);
  const quota = 1 + random.below(slots);
  const memory = 4 + random.below(8);
  const unpausable = 1 + random.below(8);
  const scheduler = new Scheduler<Job>({
    slots,
    quota,
    patience: slots,
    waitingOfTenant: 1000,
    waiting: 2000,
    term: 1 + random.below(6),
  });
  const open = new Set<Job>();
  const running = new Map<Job, number>();
  /** How many of other tenants went first while this one was the first of its tenant, who was below the quota. */
  const overtaken = new Map<Job, number>();
  let most = 0;
  /** What was paused has this many turns left, in the order of the pauses. */
  const paused = new Map<Job, number>();
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
    scheduler.nextTurn();
    const made = scheduler.pause({
      fits: (candidate, without) => {
        return used([...running.keys()].filter((one) => !without.includes(one)).concat(candidate)) <= memory;
      },
      canPause: ({ rows }) => rows !== unpausable,
    });
    for (const one of made) {
      if (one.rows === unpausable) throw new Error(`seed ${seed}: ${one.name} cannot be paused`);
      paused.set(one, running.get(one)!);
      if (!running.delete(one)) throw new Error(`seed ${seed}: ${one.name} was paused and did not run`);
    }
    const waiting = [...paused.keys(), ...[...open].filter((one) => !running.has(one) && !paused.has(one))];
    const firsts = waiting.filter((one) => waiting.find(({ tenant }) => tenant === one.tenant) === one);
    const entitled = firsts.filter(({ tenant, rows }) => heldBy(tenant) + rows <= quota);
    const ran = [...running.keys()];
    const { admitted, refused } = scheduler.admit((candidate, before) => {
      if (candidate.bytes > memory) return "never";
      return used([...running.keys(), ...before, candidate]) <= memory ? "now" : "later";
    });
    for (const one of refused) {
      if (one.bytes <= memory || !open.delete(one)) throw new Error(`seed ${seed}: ${one.name} was refused wrongly`);
    }
    if (made.length > 0 && admitted.length === 0) throw new Error(`seed ${seed}: ${made.length} were paused in vain`);
    if (made.length > 0 && made.includes(admitted[0]!)) throw new Error(`seed ${seed}: a pause led to nothing`);
    if (ran.some((one) => admitted.includes(one))) throw new Error(`seed ${seed}: admitted while it ran`);
    for (const one of admitted) {
      if (!open.has(one) || running.has(one)) throw new Error(`seed ${seed}: ${one.name} was admitted twice`);
      const next = waiting.find((each) => each.tenant === one.tenant && open.has(each) && !running.has(each));
      if (next !== one) throw new Error(`seed ${seed}: ${one.name} jumped its queue`);
      for (const first of entitled) {
        if (!open.has(first) || running.has(first) || first.tenant === one.tenant) continue;
        // Who holds fewer rows goes first.
        if (heldBy(one.tenant) < heldBy(first.tenant)) continue;
        overtaken.set(first, (overtaken.get(first) ?? 0) + 1);
      }
      most = Math.max(most, overtaken.get(one) ?? 0);
      overtaken.delete(one);
      running.set(one, paused.get(one) ?? 1 + random.below(6));
      paused.delete(one);
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
      paused.delete(candidate);
      open.delete(candidate);
    }
  }
  if (scheduler.runningRows + scheduler.waitingRows !== 0) throw new Error(`seed ${seed}: something stayed behind`);
  // Each other tenant once in turn, and as many as may pass one that does not fit.
  if (most > slots + 3) throw new Error(`seed ${seed}: ${most} went before one whose turn it was`);
}
