import { expect, it } from "vitest";
import { tensor } from "../../../../shared/tensor.ts";
import { decodeCheckpoint, encodeCheckpoint } from "../../../../trainer/loop/checkpoint.ts";
import { sectionProblem } from "../../../../trainer/loop/sections.ts";
import { initialState } from "../../../../trainer/loop/training-state.ts";
import { createStepHistory, HISTORY, HISTORY_SPEC } from "../../../../trainer/recipes/report/step-history.ts";

const STATE = initialState([], new Map());
const data = (step: number) => ({
  ...{ step, total_steps: 9, tokens_per_second: Math.sqrt(step), loss: 1 / step },
  ...(step % 2 === 0 ? { valid_loss: 2 / step } : {}),
});

it("keeps what steps reported, without speeds", () => {
  const history = createStepHistory();
  history.add(data(1));
  history.add({ ...data(2), note: "no number" });
  history.add({ loss: 3 });
  expect(history.steps).toEqual([
    { step: 1, loss: 1 },
    { step: 2, loss: 0.5, valid_loss: 1 },
  ]);
});

it("goes through a checkpoint and on", () => {
  const [whole, first] = [createStepHistory(), createStepHistory()];
  for (let step = 1; step <= 5; step++) whole.add(data(step));
  for (let step = 1; step <= 3; step++) first.add(data(step));
  const bytes = encodeCheckpoint(first.into(STATE), "run");
  const resumed = createStepHistory();
  const expected = { run: "run", parameters: [], sections: { [HISTORY]: HISTORY_SPEC } };
  expect(resumed.from(decodeCheckpoint(bytes, expected))).toEqual(STATE);
  expect(resumed.steps).toEqual(first.steps);
  for (let step = 4; step <= 5; step++) resumed.add(data(step));
  expect(resumed.steps).toEqual(whole.steps);
});

it("keeps the sections of others apart, and begins empty", () => {
  const section = { tensors: {}, json: 1 };
  const history = createStepHistory();
  const state = { ...STATE, sections: { other: section } };
  expect(history.from(history.into(state))).toEqual(state);
  expect(history.steps).toEqual([]);
});

it("goes on from a checkpoint that has one list of rows", () => {
  const values = Float64Array.of(0.5, 1, Number.NaN, 0.25, 2, 7);
  const section = { tensors: { values: tensor("f64", [2, 3], values) }, json: ["loss", "step", "valid_loss"] };
  const history = createStepHistory();
  expect(sectionProblem(HISTORY_SPEC, section)).toBeUndefined();
  history.from({ ...STATE, sections: { [HISTORY]: section } });
  history.add({ step: 3, loss: 0.125 });
  expect(history.steps).toEqual([
    { step: 1, loss: 0.5 },
    { step: 2, loss: 0.25, valid_loss: 7 },
    { step: 3, loss: 0.125 },
  ]);
});

/** Measured at each tenth of the run, at the ends of its epochs, and at its end. */
const longRow = (step: number) => ({
  ...{ step, loss: step },
  ...(step % 500 === 0 || step % 1_111 === 0 || step === 4_999 ? { valid_loss: -step } : {}),
});

it("keeps a long run at even distances, what it measured, and its end, wherever it is resumed", () => {
  const whole = createStepHistory();
  for (let step = 1; step <= 4_999; step++) whole.add(longRow(step));
  const steps = whole.steps.map(({ step }) => step!);
  expect(steps).toEqual([...new Set(steps)].sort((a, b) => a - b));
  expect(steps.at(-1)).toBe(4_999);
  const plain = whole.steps.filter((row) => !("valid_loss" in row)).map(({ step }) => step!);
  expect(plain.length).toBeLessThanOrEqual(512);
  expect(plain.length).toBeGreaterThan(250);
  expect(new Set(plain.slice(1).map((step, i) => step - plain[i]!)).size).toBe(1);
  const measured = whole.steps.flatMap(({ valid_loss: loss }) => (loss === undefined ? [] : [-loss]));
  expect(measured).toEqual([
    500, 1_000, 1_111, 1_500, 2_000, 2_222, 2_500, 3_000, 3_333, 3_500, 4_000, 4_444, 4_500, 4_999,
  ]);
  for (const at of [1, 400, 512, 513, 1_500, 1_501, 4_096, 4_998]) {
    const [before, after] = [createStepHistory(), createStepHistory()];
    for (let step = 1; step <= at; step++) before.add(longRow(step));
    after.from(before.into(STATE));
    expect(after.steps).toEqual(before.steps);
    for (let step = at + 1; step <= 4_999; step++) after.add(longRow(step));
    expect(after.steps).toEqual(whole.steps);
    expect(after.into(STATE)).toEqual(whole.into(STATE));
  }
});

it("thins out measurements as well, where every step makes one", () => {
  const history = createStepHistory();
  for (let step = 1; step <= 5_000; step++) history.add({ step, valid_loss: step });
  expect(history.steps.length).toBeLessThanOrEqual(513);
  expect(history.steps.at(-1)).toEqual({ step: 5_000, valid_loss: 5_000 });
});
