import { describe, expect, it } from "vitest";
import type { EventBatch } from "../../../shared/api/trainer.ts";
import { createEventLog } from "../../../trainer/service/event-log.ts";

const event = (message: string) => ({ level: "info", message, type: "message", data: null }) as const;

function setUp(fail: (call: number) => boolean = () => false) {
  const batches: EventBatch[] = [];
  let calls = 0;
  let open = 0;
  const log = createEventLog({
    events: async (batch) => {
      expect(++open).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 1));
      open--;
      if (fail(++calls)) throw new Error("down");
      batches.push(batch);
    },
  });
  const sent = () => batches.flatMap(({ events }) => events.map(({ seq, message }) => `${seq} ${message}`));
  return { log, batches, sent };
}

describe("createEventLog", () => {
  it("numbers events and sends each once, in order", async () => {
    const { log, batches, sent } = setUp();
    log.add(event("a"));
    log.add(event("b"));
    const first = log.flush();
    log.add(event("c"));
    await Promise.all([first, log.flush(), log.flush()]);
    expect(sent()).toEqual(["0 a", "1 b", "2 c"]);
    await log.flush();
    expect(batches.every(({ events }) => events.length > 0)).toBe(true);
  });

  it("keeps events that could not be sent for the next flush", async () => {
    const { log, sent } = setUp((call) => call === 1);
    log.add(event("a"));
    await expect(log.flush()).rejects.toThrow("down");
    log.add(event("b"));
    await log.flush();
    expect(sent()).toEqual(["0 a", "1 b"]);
  });

  it("sends batches that fit in a request, and truncates long messages", async () => {
    const { log, batches } = setUp();
    for (let i = 0; i < 450; i++) log.add(event("x".repeat(5000)));
    await log.flush();
    expect(batches.map(({ events }) => events.length)).toEqual([200, 200, 50]);
    expect(JSON.stringify(batches[0]).length).toBeLessThan(1 << 20);
  });
});
