/** What users were told holds whatever is lost, crashes or comes late; see `run-seed.ts`. `npm run simulate` runs more seeds. */
import { beforeAll, beforeEach, expect, it, vi } from "vitest";
import { runSeed } from "./run-seed.ts";
import { buildStack, type SimulatedStack } from "./stack.ts";

const SEEDS = 600;

let stack: SimulatedStack;
beforeAll(async () => {
  stack = await buildStack();
});
beforeEach(() => {
  stack.world.mute.clear();
  for (const method of ["error", "warn"] as const) vi.spyOn(console, method).mockImplementation(() => {});
});

async function broken(seeds: number): Promise<string[]> {
  const problems: string[] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    const result = await runSeed(stack, seed);
    if (result.problems.length > 0) problems.push(`npm run simulate -- --first ${seed}: ${result.problems.join("; ")}`);
  }
  return problems;
}

it(`loses nothing and leaves nothing hanging under ${SEEDS} seeds`, { timeout: 600_000 }, async () => {
  expect(await broken(SEEDS)).toEqual([]);
});

it("runs a seed in the same way each time", async () => {
  const [first, second] = [await runSeed(stack, 7), await runSeed(stack, 7)];
  expect(first.trace.length).toBeGreaterThan(100);
  expect(second.trace).toEqual(first.trace);
});

it.each([
  ["queue.notice", undefined],
  ["queue.compare", []],
])("notices that nothing comes of %s", async (call, answer) => {
  stack.world.mute.set(call, answer);
  expect((await broken(60)).length).toBeGreaterThan(0);
});
