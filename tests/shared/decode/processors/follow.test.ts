import { describe, expect, it } from "vitest";
import { LEADER } from "../../../../shared/decode/processor.ts";
import { Sampler } from "../../../../shared/decode/sampler.ts";

const VOCABULARY = 5;

function followed() {
  const tokens: number[] = [];
  const delivered: number[][] = [];
  let woken = () => {};
  const follow = {
    deliver: (length: number, logits: Float32Array) => void delivered.push([length, logits[0]!]),
    tokenAt: (length: number) => tokens[length],
    until: () => new Promise<void>((resolve) => (woken = resolve)),
  };
  const row = { role: LEADER, prompt: [1], generated: [] as number[] };
  const sample = (first: number) => {
    const logits = Float32Array.of(first, 9, 0, 0, 0);
    const view = {
      logits: () => logits,
      final: () => logits,
      exit: () => logits,
      probe: () => {},
      perturb: () => undefined,
    };
    return new Sampler().sample([{ row, settings: { greedy: true, follow }, logits, view, uniform: () => 0 }])[0]!;
  };
  return { tokens, delivered, row, sample, wake: () => woken() };
}

describe("follow", () => {
  it("waits until a token has been chosen, and then chooses it whatever the logits are", async () => {
    const { tokens, delivered, row, sample, wake } = followed();
    const waiting = sample(1);
    expect("waits" in waiting).toBe(true);
    tokens.push(3);
    wake();
    await (waiting as { waits: Promise<void> }).waits;
    expect(sample(1)).toMatchObject({ token: 3 });
    row.generated.push(3);
    tokens.push(VOCABULARY - 1);
    expect(sample(2)).toMatchObject({ token: VOCABULARY - 1 });
    expect(delivered).toEqual([
      [0, 1],
      [0, 1],
      [1, 2],
    ]);
  });
});
