import { expect, it } from "vitest";
import { decodeCheckpoint, encodeCheckpoint } from "../../../../trainer/loop/checkpoint.ts";
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

it("keeps a long run at even distances, wherever it is resumed", () => {
  const whole = createStepHistory();
  for (let step = 1; step <= 5_000; step++) whole.add({ step, loss: step });
  const steps = whole.steps.map(({ step }) => step!);
  expect(steps.length).toBeLessThanOrEqual(512);
  expect(steps.length).toBeGreaterThan(250);
  expect(new Set(steps.slice(1).map((step, i) => step - steps[i]!)).size).toBe(1);
  for (const at of [1, 400, 512, 513, 1_500, 4_096]) {
    const [before, after] = [createStepHistory(), createStepHistory()];
    for (let step = 1; step <= at; step++) before.add({ step, loss: step });
    after.from(before.into(STATE));
    for (let step = at + 1; step <= 5_000; step++) after.add({ step, loss: step });
    expect(after.steps).toEqual(whole.steps);
  }
});
