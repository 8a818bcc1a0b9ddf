import { expect, it } from "vitest";
import { SAILOR, sailorRun } from "./support/forgetting-effects.ts";

it("rehearsal and elastic weight consolidation each keep more than half of what the sailor's chats would take", {
  timeout: 600_000,
}, async () => {
  const plain = await sailorRun({ ...SAILOR.plain, seed: 1 });
  // There is something to lose.
  expect(plain.forgotten).toBeGreaterThan(0.05);
  expect(plain.facts[1]).toBeLessThan(plain.facts[0] - 0.05);
  for (const setting of [SAILOR.rehearsal, SAILOR.ewc]) {
    const kept = await sailorRun({ ...setting, seed: 1 });
    expect(kept.forgotten).toBeLessThan(plain.forgotten / 2);
    expect(kept.task).toBeLessThan(plain.task + 0.02);
    expect(kept.facts[1]).toBeGreaterThan(plain.facts[1]);
  }
});
