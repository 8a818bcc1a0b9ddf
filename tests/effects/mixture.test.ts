import { expect, it } from "vitest";
import { TASKS, trainedOn } from "./support/two-tasks.ts";

it("two tasks mixed lose less than a point on each, and each alone fails at the other", {
  timeout: 600_000,
}, async () => {
  const alone = { sailor: await trainedOn(["sailor"], 1), verdict: await trainedOn(["verdict"], 1) };
  const mixed = await trainedOn(TASKS, 1);
  for (const task of TASKS) {
    // Nothing is gained by mixing either: the tasks have nothing in common.
    expect(Math.abs(mixed[task] - alone[task][task])).toBeLessThan(1);
  }
  expect(alone.sailor.verdict).toBeLessThan(alone.verdict.verdict - 40);
  expect(alone.verdict.sailor).toBeLessThan(alone.sailor.sailor - 40);
});
