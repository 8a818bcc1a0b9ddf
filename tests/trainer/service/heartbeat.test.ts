import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Heartbeat } from "../../../shared/api/trainer.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { isLost, startHeartbeats } from "../../../trainer/service/heartbeat.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function setUp(leaseSeconds: number) {
  const reports: Heartbeat[] = [];
  const reasons: string[] = [];
  const reply = { cancel: false, pause: false, lease_seconds: leaseSeconds };
  const answer: { now: () => Promise<typeof reply> } = { now: async () => reply };
  const heartbeats = startHeartbeats({
    client: {
      heartbeat: (report) => {
        reports.push(report);
        return answer.now();
      },
    },
    leaseSeconds,
    onStop: (reason) => void reasons.push(reason),
  });
  return { heartbeats, reports, reasons, reply, answer };
}

describe("startHeartbeats", () => {
  it("sends one at a third of the lease, and at least every two seconds", async () => {
    const short = setUp(3);
    const long = setUp(600);
    await vi.advanceTimersByTimeAsync(6_000);
    expect(short.reports).toHaveLength(6);
    expect(long.reports).toHaveLength(3);
  });

  it("says what was reported last, and nothing after it was stopped", async () => {
    const { heartbeats, reports } = setUp(3);
    heartbeats.report({ step: 1, total_steps: 9 });
    await vi.advanceTimersByTimeAsync(1_000);
    heartbeats.report({ step: 4, total_steps: 9 });
    await vi.advanceTimersByTimeAsync(1_000);
    heartbeats.stop();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(reports).toEqual([
      { step: 1, total_steps: 9 },
      { step: 4, total_steps: 9 },
    ]);
  });

  it.each(["cancel", "pause"] as const)("passes %s on once", async (field) => {
    const { reasons, reply, reports } = setUp(3);
    reply[field] = true;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(reasons).toEqual([field === "cancel" ? "cancelled" : "paused"]);
    // The lease of a job that pauses lives on until its state is stored.
    expect(reports).toHaveLength(field === "cancel" ? 1 : 5);
  });

  it("calls a job lost that is another's, and goes on while the server is merely away", async () => {
    const { reasons, answer, reports } = setUp(3);
    answer.now = () => Promise.reject(new TrimtabError("capacity_exceeded", "away"));
    await vi.advanceTimersByTimeAsync(3_000);
    expect([reports.length, reasons.length]).toEqual([3, 0]);
    answer.now = () => Promise.reject(new TrimtabError("stale_lease", "another's"));
    await vi.advanceTimersByTimeAsync(3_000);
    expect([reports.length, reasons]).toEqual([4, ["lost"]]);
  });

  it("tells a job that pauses nothing more, and is stopped once the last beat has an answer", async () => {
    const { heartbeats, reasons, reply, answer, reports } = setUp(3);
    reply.pause = true;
    await vi.advanceTimersByTimeAsync(1_000);
    const late = Promise.withResolvers<typeof reply>();
    answer.now = () => late.promise;
    await vi.advanceTimersByTimeAsync(1_000);
    let stopped = false;
    void heartbeats.stop().then(() => {
      stopped = true;
    });
    await vi.advanceTimersByTimeAsync(5_000);
    expect([reports.length, stopped]).toEqual([2, false]);
    late.resolve({ ...reply, pause: false, cancel: true });
    await vi.advanceTimersByTimeAsync(0);
    expect([stopped, reasons]).toEqual([true, ["paused"]]);
  });

  it("never has two beats under way", async () => {
    const { answer, reports } = setUp(3);
    answer.now = () => new Promise(() => undefined);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(reports).toHaveLength(1);
  });
});

it("isLost names what makes a job another's", () => {
  const codes = ["stale_lease", "cancelled", "conflict", "not_found"] as const;
  expect(codes.every((code) => isLost(new TrimtabError(code, "")))).toBe(true);
  expect(isLost(new TrimtabError("internal_error", ""))).toBe(false);
  expect(isLost(new Error("x"))).toBe(false);
});
