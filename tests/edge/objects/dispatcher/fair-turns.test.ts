import { describe, expect, it } from "vitest";
import { type Holder, type Line, nextLine, yieldsTurn } from "../../../../edge/objects/dispatcher/fair-turns.ts";
import { createRandom } from "../../../../shared/random.ts";

const line = (tenant: string, of: Partial<Line> = {}): Line => ({
  tenant,
  first: 1,
  running: 0,
  most: 10,
  lastTurn: 0,
  ...of,
});
const next = (...lines: Line[]) => nextLine(lines)?.tenant;

describe("nextLine", () => {
  it("prefers the fewest running, then the longest without a turn, then the oldest", () => {
    expect(next(line("a", { running: 1 }), line("b", { lastTurn: 9, first: 9 }))).toBe("b");
    expect(next(line("a", { lastTurn: 4 }), line("b", { lastTurn: 3, first: 9 }))).toBe("b");
    expect(next(line("a", { first: 4 }), line("b", { first: 3 }))).toBe("b");
  });

  it("passes over who has as many running as it may", () => {
    expect(next(line("a", { running: 2, most: 2 }), line("b", { running: 5 }))).toBe("b");
    expect(next(line("a", { running: 2, most: 1 }))).toBeUndefined();
    expect(next()).toBeUndefined();
  });
});

describe("yieldsTurn", () => {
  const holder: Holder = { tenant: "a", running: 1, heldMs: 100, sliceMs: 100 };

  it("yields to a tenant with fewer running, after its time and not before", () => {
    expect(yieldsTurn(holder, [line("b")], 0)).toBe(true);
    expect(yieldsTurn({ ...holder, heldMs: 99 }, [line("b")], 0)).toBe(false);
    expect(yieldsTurn(holder, [line("b", { running: 1 })], 0)).toBe(false);
    expect(yieldsTurn(holder, [], 0)).toBe(false);
  });

  it("does not yield to its own tenant, nor to one that may run no more", () => {
    expect(yieldsTurn({ ...holder, running: 3 }, [line("a")], 0)).toBe(false);
    expect(yieldsTurn({ ...holder, running: 3 }, [line("b", { running: 1, most: 1 })], 0)).toBe(false);
  });

  it("yields once for each that waits", () => {
    expect(yieldsTurn({ ...holder, running: 3 }, [line("b"), line("c")], 1)).toBe(true);
    expect(yieldsTurn({ ...holder, running: 3 }, [line("b"), line("c")], 2)).toBe(false);
  });
});

it("every tenant gets its share of the trainers within a slice for each tenant, in 300 schedules of endless jobs", () => {
  for (let seed = 0; seed < 300; seed++) {
    const random = createRandom(seed, "turns");
    const trainers = 1 + random.below(4);
    const jobs = Array.from({ length: 1 + random.below(6) }, (_, i) => ({
      tenant: `t${i}`,
      count: 1 + random.below(8),
    }));
    const running: { tenant: string; since: number; yielding: boolean }[] = [];
    const turns = new Map<string, number>();
    const served = new Map<string, number>();
    const linesOf = () =>
      jobs.flatMap(({ tenant, count }, first) => {
        const held = running.filter((one) => one.tenant === tenant).length;
        return held === count ? [] : [line(tenant, { first, running: held, lastTurn: turns.get(tenant) ?? 0 })];
      });
    let fence = 0;
    const slice = 3;
    for (let now = 0; now < 200; now++) {
      for (let i = running.length - 1; i >= 0; i--) if (running[i]!.yielding) running.splice(i, 1);
      for (;;) {
        const found = running.length < trainers ? nextLine(linesOf()) : undefined;
        if (found === undefined) break;
        turns.set(found.tenant, ++fence);
        running.push({ tenant: found.tenant, since: now, yielding: false });
      }
      for (const one of running) {
        served.set(one.tenant, (served.get(one.tenant) ?? 0) + 1);
        const held = running.filter(({ tenant }) => tenant === one.tenant).length;
        const yielding = running.filter((other) => other !== one && other.yielding).length;
        one.yielding = yieldsTurn(
          { tenant: one.tenant, running: held, heldMs: now - one.since, sliceMs: slice },
          linesOf(),
          yielding,
        );
      }
    }
    // Where tenants outnumber trainers, they take turns; else each has one all the time.
    const least = Math.min(1, trainers / jobs.length) * 200 - (slice + 2) * jobs.length;
    for (const { tenant } of jobs) {
      if ((served.get(tenant) ?? 0) < least)
        throw new Error(`seed ${seed}: ${tenant} got ${served.get(tenant)} of ${least}`);
    }
  }
});
