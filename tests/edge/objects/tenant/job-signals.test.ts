import { expect, it } from "vitest";
import { JobSignals } from "../../../../edge/objects/tenant/job-signals.ts";

it("wakes all that wait for a job, and no others", async () => {
  const signals = new JobSignals();
  const woken: string[] = [];
  const waiting = ["a", "a", "b"].map((job) => signals.next(job, 60_000).then(() => woken.push(job)));
  signals.wake("a");
  await Promise.all(waiting.slice(0, 2));
  expect(woken).toEqual(["a", "a"]);
  signals.wake("b");
  await waiting[2];
});

it("waits no longer than it is told", async () => {
  await new JobSignals().next("a", 5);
});
