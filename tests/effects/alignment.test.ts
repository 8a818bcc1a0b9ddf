/**
 * Training on preferences makes a rude model polite, as words tell, about requests that no training was about, and it forgets next to
 * nothing. docs/alignment/effects.md has the figures of three seeds.
 */
import { expect, it } from "vitest";
import { ALIGNMENT_EFFECTS, changeBy } from "./support/alignment-effects.ts";

it.each(ALIGNMENT_EFFECTS.map((effect) => [effect.name, effect] as const))(
  "%s",
  { timeout: 600_000 },
  async (_, effect) => {
    const { before, after } = await changeBy(effect, { seed: 1, samples: 4, everyFact: 6 });
    expect(before.polite).toBeLessThan(0.4);
    expect(after.polite).toBeGreaterThan(0.85);
    expect(before.facts).toBeGreaterThan(0.95);
    expect(before.facts - after.facts).toBeLessThan(0.03);
  },
);
