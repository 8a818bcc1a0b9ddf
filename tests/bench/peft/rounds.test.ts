import { describe, expect, it } from "vitest";
import { msPerToken, roundLengths } from "./rounds.ts";

describe("roundLengths", () => {
  it.each([1, 3, 9, 10, 90, 95])("divides %i steps", (steps) => {
    const lengths = roundLengths(steps);
    expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(steps);
    expect(lengths.length).toBe(Math.min(9, steps));
    expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThanOrEqual(1);
  });
});

describe("msPerToken", () => {
  const round = (milliseconds: number, processor: number, tokens: number) => ({
    steps: [{ milliseconds, processor, tokens, microBatches: 1 }],
    loss: 1,
    peakBytes: 0,
  });

  it("gives elapsed time, and processor time over threads, without the first round", () => {
    const rounds = [round(900, 900, 1), round(20, 30, 10), round(40, 50, 10), round(90, 70, 10)];
    expect(msPerToken(rounds, 2)).toEqual({
      wall: { median: 4, least: 2, most: 9 },
      processor: { median: 2.5, least: 1.5, most: 3.5 },
    });
  });

  it("uses the only round if there is one", () => {
    expect(msPerToken([round(20, 30, 10)], 1).wall.median).toBe(2);
  });
});
