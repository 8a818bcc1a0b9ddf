import { expect, it } from "vitest";
import { checkpointPolicy } from "../../../trainer/service/checkpoint-policy.ts";

function clock() {
  let now = 0;
  const pass = async (milliseconds: number) => {
    now += milliseconds;
  };
  return { now: () => now, pass };
}

it("counts steps if the job says so", async () => {
  const { now, pass } = clock();
  const policy = checkpointPolicy(now, 3);
  await pass(1e6);
  expect([1, 2, 3, 4, 5, 6].filter((step) => policy.due(step))).toEqual([3, 6]);
});

it("otherwise waits ten seconds between saves", async () => {
  const { now, pass } = clock();
  const policy = checkpointPolicy(now);
  expect(policy.due(1)).toBe(false);
  await pass(10_000);
  expect(policy.due(2)).toBe(true);
  await policy.timed(() => pass(100));
  expect(policy.due(3)).toBe(false);
  await pass(9_999);
  expect(policy.due(4)).toBe(false);
  await pass(1);
  expect(policy.due(5)).toBe(true);
});

it("waits longer if saving takes long, spending at most a twentieth of the time on it", async () => {
  const { now, pass } = clock();
  const policy = checkpointPolicy(now);
  await policy.timed(() => pass(3_000));
  await pass(59_999);
  expect(policy.due(1)).toBe(false);
  await pass(1);
  expect(policy.due(2)).toBe(true);
});
