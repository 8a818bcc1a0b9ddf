import { afterEach, expect, it, vi } from "vitest";
import { sweepLines } from "../../../edge/routes/sweep-lines.ts";
import type { Sweep } from "../../../shared/api/steering-sweep.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import type { RunResult } from "../../../shared/sweep/sweep.ts";
import { collected } from "../support/client.ts";

afterEach(() => void vi.useRealTimers());

const result = (name: string) =>
  ({ run: { kind: "cell", name, grid: { "guidance.scale": 2 } }, statistics: { texts: 3 } }) as unknown as RunResult;
const plan = { runs: [result("a").run, result("b").run] };

it("tells of every run, and of the whole", async () => {
  const lines = await collected(
    sweepLines(plan, async (finished) => {
      finished(result("a"), 1);
      await Promise.resolve();
      finished(result("b"), 2);
      return { object: "steering.sweep" } as Sweep;
    }),
  );
  const events = lines.map((line) => {
    const [event, data] = line.trimEnd().split("\n");
    return [event, JSON.parse(data!.slice("data: ".length))] as const;
  });
  const run = { type: "sweep.run", of: 2, kind: "cell", grid: { "guidance.scale": 2 }, statistics: { texts: 3 } };
  expect(events).toEqual([
    ["event: sweep.run", { ...run, name: "a", done: 1 }],
    ["event: sweep.run", { ...run, name: "b", done: 2 }],
    ["event: sweep.completed", { type: "sweep.completed", sweep: { object: "steering.sweep" } }],
  ]);
});

it("ends with an error, and says before that it is still there", async () => {
  vi.useFakeTimers();
  const { promise, reject } = Promise.withResolvers<Sweep>();
  const lines = sweepLines(plan, () => promise);
  const first = lines.next();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(await first).toEqual({ done: false, value: ": still running\n\n" });
  const second = lines.next();
  reject(new TrimtabError("capacity_exceeded", "In cell 1: too many wait"));
  const { value } = await second;
  expect(value).toMatch(/^event: error\ndata: \{"error":\{.*"code":"capacity_exceeded"/);
  expect(await lines.next()).toEqual({ done: true, value: undefined });
});
