import { describe, expect, it } from "vitest";
import { Turnstile } from "../../../edge/pace/turnstile.ts";

const tick = () => new Promise<void>((resolve) => setTimeout(resolve, 0));

/** Every wait is one turn of the event loop. */
const turnstile = () => new Turnstile({ wait: tick });

describe("turns", () => {
  it("lets a single piece through", async () => {
    const gate = turnstile();
    await gate.pass("a");
    expect(gate.waiting).toBe(0);
  });

  it("lets tenants through in turn, whoever came first", async () => {
    const gate = turnstile();
    const order: string[] = [];
    const go = async (tenant: string, times: number) => {
      for (let n = 0; n < times; n++) {
        await gate.pass(tenant);
        order.push(tenant);
      }
    };
    await Promise.all([go("a", 3), go("a", 3), go("a", 3), go("b", 3)]);
    expect(order.filter((tenant) => tenant === "a")).toHaveLength(9);
    // Until b has been through three times, no two of the others pass between two of its turns.
    const places = order.flatMap((tenant, at) => (tenant === "b" ? [at] : []));
    expect(places[2]! - places[0]!).toBeLessThanOrEqual(4);
  });

  it("runs the rest of the event loop between two pieces, however many wait", async () => {
    const gate = turnstile();
    let turns = 0;
    let ended = false;
    const watch = (async () => {
      for (; !ended; turns++) await tick();
    })();
    const seen: number[] = [];
    await Promise.all(
      Array.from({ length: 20 }, async (_, n) => {
        await gate.pass(`tenant ${n}`);
        seen.push(turns);
      }),
    );
    ended = true;
    await watch;
    expect(new Set(seen).size).toBe(20);
  });

  it("goes on without a waiter that never looks again", async () => {
    let dead = false;
    const gate = new Turnstile({ wait: () => (dead ? tick() : new Promise(() => {})) });
    void gate.pass("a");
    dead = true;
    await Promise.all([gate.pass("b"), gate.pass("c")]);
    expect(gate.waiting).toBe(0);
  });

  it("takes back a waiter that was only slow", async () => {
    let slow: (() => void) | undefined;
    let first = true;
    const gate = new Turnstile({
      wait: () => {
        if (!first) return tick();
        first = false;
        return new Promise<void>((resolve) => {
          slow = resolve;
        });
      },
    });
    const late = gate.pass("a");
    await gate.pass("b");
    slow!();
    await late;
    expect(gate.waiting).toBe(0);
  });
});
