import { expect, it } from "vitest";
import { divergenceOf } from "../../../shared/evaluation/divergence.ts";

it("is the mean of the sums, with k3 and the mean over tokens beside it", () => {
  const found = divergenceOf([
    { tuned: [-1, -2], start: [-1.5, -2.5] },
    { tuned: [-3], start: [-2] },
  ])!;
  expect(found.k1.value).toBeCloseTo((0.5 + 0.5 - 1) / 2, 12);
  const k3 = (d: number) => Math.exp(-d) - 1 + d;
  expect(found.k3.value).toBeCloseTo((2 * k3(0.5) + k3(-1)) / 2, 12);
  expect(found.perToken).toBeCloseTo(0, 12);
  expect(found.k1.n).toBe(2);
});

it("has intervals that count prompts, not their samples", () => {
  const reply = (d: number) => ({ tuned: [-1], start: [-1 - d] });
  const differences = [0.5, -0.25, 1, 0.125];
  const once = divergenceOf(differences.map(reply))!;
  const twice = divergenceOf(
    differences.flatMap((d) => [reply(d), reply(d)]),
    [0, 0, 1, 1, 2, 2, 3, 3],
  )!;
  for (const kind of ["k1", "k3"] as const) {
    expect(twice[kind].value).toBeCloseTo(once[kind].value, 12);
    expect(twice[kind].low).toBeCloseTo(once[kind].low!, 12);
    expect([twice[kind].n, once[kind].n]).toEqual([8, 4]);
  }
});

it("is nothing without a token", () => {
  expect([divergenceOf([]), divergenceOf([{ tuned: [], start: [] }])]).toEqual([null, null]);
});

it("is 0 between equal models, and estimates what it should on samples", () => {
  expect(divergenceOf([{ tuned: [-1, -2], start: [-1, -2] }])).toMatchObject({ k1: { value: 0 }, k3: { value: 0 } });
  // A coin of 0.8 against one of 0.5: 0.8 ln 1.6 + 0.2 ln 0.4 nats. Samples in exactly that proportion give it exactly.
  const heads = { tuned: [Math.log(0.8)], start: [Math.log(0.5)] };
  const tails = { tuned: [Math.log(0.2)], start: [Math.log(0.5)] };
  const found = divergenceOf([heads, heads, heads, heads, tails])!;
  const exact = 0.8 * Math.log(1.6) + 0.2 * Math.log(0.4);
  expect(found.k1.value).toBeCloseTo(exact, 12);
  expect(found.k3.value).toBeCloseTo(exact, 12);
});
