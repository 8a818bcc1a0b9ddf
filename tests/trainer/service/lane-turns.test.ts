import { afterEach, expect, it, vi } from "vitest";
import { LaneTurns } from "../../../trainer/service/lane-turns.ts";

afterEach(() => vi.useRealTimers());

const never = () => new AbortController().signal;

/** Whether a promise has settled once everything that is due has run. */
async function isDone(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  void promise.then(() => {
    done = true;
  });
  await vi.advanceTimersByTimeAsync(0);
  return done;
}

it("lets a job go on when no edit runs, and edits always", async () => {
  vi.useFakeTimers();
  const turns = new LaneTurns();
  expect(await isDone(turns.giveWay("jobs", never()))).toBe(true);
  const edit = Promise.withResolvers<void>();
  const running = turns.run("edits", () => edit.promise);
  expect(await isDone(turns.giveWay("edits", never()))).toBe(true);
  const [first, second] = [turns.giveWay("jobs", never()), turns.giveWay("jobs", never())];
  expect(await isDone(first)).toBe(false);
  edit.resolve();
  await running;
  expect([await isDone(first), await isDone(second)]).toEqual([true, true]);
  expect(await isDone(turns.giveWay("jobs", never()))).toBe(true);
});

it("waits until the last of several edits has ended, also badly", async () => {
  vi.useFakeTimers();
  const turns = new LaneTurns();
  const edits = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const running = edits.map(({ promise }) => turns.run("edits", () => promise));
  const waiting = turns.giveWay("jobs", never());
  edits[0]!.resolve();
  await running[0];
  expect(await isDone(waiting)).toBe(false);
  edits[1]!.reject(new Error("no"));
  await expect(running[1]).rejects.toThrow("no");
  expect(await isDone(waiting)).toBe(true);
});

it("does not wait for long, nor for a job that has to stop", async () => {
  vi.useFakeTimers();
  const turns = new LaneTurns();
  void turns.run("edits", () => new Promise(() => {}));
  const waiting = turns.giveWay("jobs", never());
  await vi.advanceTimersByTimeAsync(4_999);
  expect(await isDone(waiting)).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(await isDone(waiting)).toBe(true);
  const stop = new AbortController();
  const stopped = turns.giveWay("jobs", stop.signal);
  stop.abort();
  expect(await isDone(stopped)).toBe(true);
  expect(await isDone(turns.giveWay("jobs", stop.signal))).toBe(true);
});
