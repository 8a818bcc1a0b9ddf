import { expect, it } from "vitest";
import { Pace } from "../../../edge/pace/pace.ts";
import { Turnstile } from "../../../edge/pace/turnstile.ts";

it("waits for a turn once the work adds up to a piece, and counts anew from then on", async () => {
  let waits = 0;
  const gate = new Turnstile({
    wait: async () => {
      waits++;
    },
  });
  const pace = new Pace("a", gate);
  await pace.spend(9000);
  expect(waits).toBe(0);
  await pace.spend(1000);
  const ofOne = waits;
  expect(ofOne).toBeGreaterThan(0);
  await pace.spend(9000);
  expect(waits).toBe(ofOne);
  await pace.turn();
  expect(waits).toBe(2 * ofOne);
});
