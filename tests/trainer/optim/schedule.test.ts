import { describe, expect, it } from "vitest";
import { learningRate, type Schedule } from "../../../trainer/optim/schedule.ts";
import { readGoldenJson } from "../golden-llama.ts";

interface GoldenSchedule extends Pick<Schedule, "kind" | "warmupSteps" | "totalSteps"> {
  readonly learningRate: number;
  readonly rates: readonly number[];
}
const { schedules } = readGoldenJson<{ schedules: GoldenSchedule[] }>("optim/adamw.json");

const ratesOf = (schedule: Schedule, steps = schedule.totalSteps) =>
  Array.from({ length: steps }, (_, step) => learningRate(schedule, step));

describe("learningRate", () => {
  it.each(schedules)(
    "warms up one step ahead of transformers, and then is its curve: $kind, $warmupSteps of $totalSteps",
    (golden) => {
      const { kind, warmupSteps, totalSteps, rates, learningRate: peak } = golden;
      const got = ratesOf({ kind, peak, warmupSteps, totalSteps });
      got.forEach((rate, step) => {
        const theirs = step < warmupSteps ? (rates[step + 1] ?? peak) : rates[step]!;
        expect(rate).toBeCloseTo(theirs, 12);
      });
      expect(got[0]).toBeGreaterThan(0);
    },
  );

  it("holds the end's rate after the end", () => {
    const schedule = { kind: "linear", peak: 1, warmupSteps: 0, totalSteps: 4 } as const;
    expect(ratesOf(schedule, 7)).toEqual([1, 0.75, 0.5, 0.25, 0, 0, 0]);
    expect(learningRate({ ...schedule, kind: "constant" }, 9)).toBe(1);
    expect(learningRate({ ...schedule, kind: "cosine" }, 9)).toBeCloseTo(0, 12);
  });
});
