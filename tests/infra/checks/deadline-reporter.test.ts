import { afterEach, beforeEach, expect, test, vi } from "vitest";
import DeadlineReporter, { INTERRUPTED } from "../../../infra/checks/deadline-reporter.ts";

const passed = { ok: () => true };
const failed = { ok: () => false };

let cancel: ReturnType<typeof vi.fn<() => Promise<void>>>;
let reporter: DeadlineReporter;

beforeEach(() => {
  vi.useFakeTimers();
  cancel = vi.fn(async () => {});
  reporter = new DeadlineReporter();
  reporter.onInit({ cancelCurrentRun: cancel });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
  process.exitCode = undefined;
});

function start(seconds: number): void {
  vi.stubEnv("TRIMTAB_CHECK_DEADLINE", String(Date.now() + seconds * 1000));
  reporter.onTestRunStart();
}

test("cancels the run at the deadline, and not before", () => {
  start(10);
  vi.advanceTimersByTime(9_999);
  expect(cancel).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(cancel).toHaveBeenCalledOnce();
});

test("cancels a run that starts after the deadline as soon as it has started", () => {
  start(-5);
  expect(cancel).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(cancel).toHaveBeenCalledOnce();
});

test("cancels again a run that goes on after it was cancelled", () => {
  cancel.mockRejectedValueOnce(new Error("the worker has not started"));
  start(10);
  vi.advanceTimersByTime(14_999);
  expect(cancel).toHaveBeenCalledOnce();
  vi.advanceTimersByTime(1);
  expect(cancel).toHaveBeenCalledTimes(2);
  reporter.onTestRunEnd([passed], [], "interrupted");
  vi.advanceTimersByTime(60_000);
  expect(cancel).toHaveBeenCalledTimes(2);
});

test("a run that ends in time is not cancelled, and keeps vitest's exit status", () => {
  start(10);
  process.exitCode = 1;
  reporter.onTestRunEnd([passed, failed], [], "failed");
  vi.advanceTimersByTime(20_000);
  expect(cancel).not.toHaveBeenCalled();
  expect(process.exitCode).toBe(1);
});

test.each([
  ["nothing failed", [passed], [], INTERRUPTED],
  ["a test failed", [passed, failed], [], 1],
  ["there was an error outside every test", [passed], [new Error("a")], 1],
])("after a cancelled run in which %s the exit status says so", (_, modules, errors, status) => {
  process.exitCode = 1;
  reporter.onTestRunEnd(modules, errors, "interrupted");
  expect(process.exitCode).toBe(status);
});
