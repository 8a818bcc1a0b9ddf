import { describe, expect, it } from "vitest";
import { LEADER } from "../../../../shared/decode/processor.ts";
import type { ScorerSettings } from "../../../../shared/decode/processors/scorer.ts";
import { type Sample, Sampler, type Waiting } from "../../../../shared/decode/sampler.ts";

const LOGITS = Float32Array.of(0, 3, 1, 2, -1);

function scored(settings: Partial<ScorerSettings>) {
  const asked: { generated: number[]; candidates: number[] }[] = [];
  const scorer: ScorerSettings = {
    score: async (generated, candidates) => {
      asked.push({ generated: [...generated], candidates: [...candidates] });
      return candidates.map((token) => (token === 2 ? 5 : 0));
    },
    strength: 1,
    candidates: 3,
    every: 1,
    ...settings,
  };
  const row = { role: LEADER, prompt: [1], generated: [] as number[] };
  const sampler = new Sampler();
  const sample = () =>
    sampler.sample([{ row, settings: { greedy: true, scorer }, logits: LOGITS, uniform: () => 0, traced: 5 }])[0]!;
  /** Samples until there is a token. */
  const token = async (): Promise<Sample> => {
    for (;;) {
      const sampled: Sample | Waiting = sample();
      if (!("waits" in sampled)) return sampled;
      await sampled.waits;
    }
  };
  return { asked, row, sampler, sample, token };
}

describe("scorer", () => {
  it("adds what the likeliest tokens are given, and rules the others out", async () => {
    const { asked, token, row } = scored({});
    const { token: chosen, trace } = await token();
    expect(chosen).toBe(2);
    expect(asked).toEqual([{ generated: [], candidates: [1, 3, 2] }]);
    // Scores of 3, 2 and 1 + 5; tokens 0 and 4 are out.
    const total = Math.exp(3) + Math.exp(2) + Math.exp(6);
    const after = new Map(trace!.top.map(({ token: id, after }) => [id, after]));
    expect(after.get(2)).toBeCloseTo(Math.exp(6) / total, 12);
    expect([after.get(0), after.get(4)]).toEqual([0, 0]);
    expect(trace!.parts).toEqual({
      scorer: { candidates: [1, 3, 2].map((id) => ({ token: id, score: id === 2 ? 5 : 0 })) },
    });
    row.generated.push(2);
    await token();
    expect(asked[1]).toEqual({ generated: [2], candidates: [1, 3, 2] });
  });

  it("goes on without an answer that it need not have, and fails where it must", async () => {
    expect((await scored({ score: async () => null }).token()).token).toBe(1);
    const failing = scored({ score: async () => Promise.reject(new Error("no answer")) });
    await expect(failing.token()).rejects.toThrow("no answer");
  });

  it("waits for the same answer where the row is sampled again before it is there", async () => {
    const { promise, resolve } = Promise.withResolvers<number[]>();
    let calls = 0;
    const score = () => {
      calls++;
      return promise;
    };
    const { sample } = scored({ score });
    const waits = [sample(), sample()];
    for (const waiting of waits) expect(waiting).toHaveProperty("waits");
    resolve([0, 0, 5]);
    for (const waiting of waits) await (waiting as Waiting).waits;
    expect(sample()).toMatchObject({ token: 2 });
    expect(calls).toBe(1);
  });

  it("says in the trace that there was no answer", async () => {
    expect((await scored({ score: async () => null }).token()).trace!.parts).toEqual({ scorer: { answered: false } });
  });

  it("asks for every n-th token alone, and once for each", async () => {
    const { asked, token, row } = scored({ every: 2 });
    for (const next of [2, 1, 2, 1]) {
      await token();
      row.generated.push(next);
    }
    expect(asked.map(({ generated }) => generated.length)).toEqual([0, 2]);
  });

  it("changes nothing with a strength of 0", () => {
    const { sample, asked } = scored({ strength: 0 });
    expect(sample()).toMatchObject({ token: 1 });
    expect(asked).toEqual([]);
  });
});
