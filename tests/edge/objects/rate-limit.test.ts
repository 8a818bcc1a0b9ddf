import { describe, expect, it } from "vitest";
import { MinuteBucket } from "../../../edge/objects/rate-limit.ts";

describe("MinuteBucket", () => {
  it("gives out its limit at once and then as it refills", () => {
    const bucket = new MinuteBucket(60, 0);
    for (let i = 0; i < 60; i++) expect(bucket.take(1, 0)).toBe(true);
    expect(bucket.take(1, 999)).toBe(false);
    expect(bucket.waitFor(1, 999)).toBe(1);
    expect(bucket.take(1, 1000)).toBe(true);
    expect(bucket.allowance(1000)).toEqual({ limit: 60, remaining: 0, resetMs: 60_000 });
    expect(bucket.allowance(600_000)).toEqual({ limit: 60, remaining: 60, resetMs: 0 });
  });

  it("may be overdrawn by what was used already", () => {
    const bucket = new MinuteBucket(60, 0);
    bucket.charge(90, 0);
    expect(bucket.allowance(0)).toEqual({ limit: 60, remaining: 0, resetMs: 90_000 });
    expect(bucket.waitFor(1, 0)).toBe(31_000);
  });

  it("does not run backwards with the clock", () => {
    const bucket = new MinuteBucket(60, 10_000);
    expect(bucket.take(60, 10_000)).toBe(true);
    expect(bucket.take(1, 5_000)).toBe(false);
  });
});
