import { expect, it } from "vitest";
import { traceOf } from "../../../shared/decode/trace.ts";

const OUT = Number.NEGATIVE_INFINITY;
const logs = (...shares: number[]) => shares.map((share) => Math.log(share));

it("gives the token's probability before and after, and how far the distribution moved", () => {
  const logits = Float32Array.from(logs(1, 2, 5, 2), (log) => log + 7);
  const scores = Float64Array.from(logs(4, 4, 2, 0));
  const trace = traceOf(1, { logits, scores, snapshots: [], notes: { layers: { layer: 3 } }, top: 2 });
  expect(trace.token).toBe(1);
  expect(trace.before).toBeCloseTo(0.2, 6);
  expect(trace.after).toBeCloseTo(0.4, 12);
  // Σ after · ln(after / before); the token that is ruled out adds nothing.
  const kl = 0.4 * Math.log(0.4 / 0.1) + 0.4 * Math.log(0.4 / 0.2) + 0.2 * Math.log(0.2 / 0.5);
  expect(trace.kl).toBeCloseTo(kl, 6);
  expect(trace.top.map(({ token }) => token)).toEqual([0, 1]);
  expect(trace.top[0]!.before).toBeCloseTo(0.1, 6);
  expect(trace.top[0]!.after).toBeCloseTo(0.4, 12);
  expect(trace.parts).toEqual({ layers: { layer: 3 } });
});

it("shows no divergence of a distribution from itself, however it rounds", () => {
  const logits = Float32Array.of(0.1, 0.7, -3, 2.2);
  const trace = traceOf(3, { logits, scores: Float64Array.from(logits), snapshots: [], notes: {}, top: 0 });
  expect(trace.kl).toBeGreaterThanOrEqual(0);
  expect(trace.kl).toBeLessThan(1e-12);
  expect(trace.before).toBe(trace.after);
  expect(trace.top).toEqual([]);
});

it("stays finite where all but one token are ruled out", () => {
  const trace = traceOf(0, {
    logits: Float32Array.of(-1e4, 1e4),
    scores: Float64Array.of(0, OUT),
    snapshots: [],
    notes: {},
    top: 5,
  });
  expect(trace).toMatchObject({ before: 0, after: 1, kl: 2e4 });
  expect(trace.top.map(({ after }) => after)).toEqual([1, 0]);
});

it("says what each part changed by itself, in order", () => {
  const logits = Float32Array.of(0, 0, 0, 0);
  const halved = Float64Array.of(0, 0, OUT, OUT);
  const tilted = Float64Array.of(Math.log(3), 0, OUT, OUT);
  const snapshots = [
    { part: "rules", scores: halved },
    { part: "temperature", scores: tilted },
  ];
  const { changes, kl } = traceOf(0, { logits, scores: tilted, snapshots, notes: {}, top: 0 });
  expect(changes.map(({ part }) => part)).toEqual(["rules", "temperature"]);
  const close = (values: readonly number[], expected: readonly number[]) => {
    for (const [i, value] of values.entries()) expect(value).toBeCloseTo(expected[i]!, 12);
  };
  close(
    changes.flatMap(({ before, after }) => [before, after]),
    [0.25, 0.5, 0.5, 0.75],
  );
  const tilt = 0.75 * Math.log(1.5) + 0.25 * Math.log(0.5);
  close(
    changes.map((change) => change.kl),
    [Math.log(2), tilt],
  );
  expect(kl).toBeCloseTo(Math.log(2) + tilt, 12);
});
