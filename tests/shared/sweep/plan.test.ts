import { expect, it } from "vitest";
import { SteeringObject } from "../../../shared/api/steering.ts";
import { CreateSweep } from "../../../shared/api/steering-sweep.ts";
import { phraseEffect, planSweep } from "../../../shared/sweep/plan.ts";

const steering = SteeringObject.parse({
  classifier: [{ id: "ft:mood", label: "positive", mode: "token_values", strength: 1 }],
});
const request = (fields: Record<string, unknown> = {}) =>
  CreateSweep.parse({
    model: "base",
    prompts: ["Once", "Twice"],
    steering,
    grid: { "classifier.0.strength": [0, 2] },
    ...fields,
  });

it("runs the cells, the model as it is, and the baselines that are named", () => {
  const plan = planSweep(request({ baselines: { prompt: "Be glad.", model: "ft:glad" } }), steering);
  expect(plan.effect).toEqual({ classifier: { id: "ft:mood", label: "positive" } });
  expect(plan.runs.map(({ kind, name, model, system }) => [kind, name, model, system])).toEqual([
    ["cell", "cell 1", "base", null],
    ["cell", "cell 2", "base", null],
    ["plain", "plain", "base", null],
    ["prompt", "prompt", "base", "Be glad."],
    ["model", "ft:glad", "ft:glad", null],
  ]);
  expect(plan.runs[1]?.steering?.classifier?.[0]?.strength).toBe(2);
  expect(plan.runs.slice(2).every((run) => run.steering === null)).toBe(true);
  expect(plan.tokens).toBe(5 * 2 * 1 * 64);
});

it("is refused over its budget, with every factor", () => {
  const large = request({ prompts: Array.from({ length: 64 }, () => "x"), n: 16, max_tokens: 512 });
  expect(() => planSweep(large, steering)).toThrow(
    "The sweep may generate 1572864 tokens (2 cells and 1 baselines × 64 prompts × 16 texts × 512 tokens), and at most 200000 are allowed.",
  );
});

it("needs to know what counts as the effect", () => {
  const unmeasured = request({
    steering: { guidance: { negative_prompt: "x", scale: 2 } },
    grid: { "guidance.scale": [1] },
  });
  expect(() => planSweep(unmeasured, unmeasured.steering as SteeringObject)).toThrow(
    expect.objectContaining({ code: "invalid_request", param: "effect" }),
  );
  const effect = { phrases: ["glad"] };
  expect(planSweep({ ...unmeasured, effect }, unmeasured.steering as SteeringObject).effect).toEqual(effect);
});

it("phrases count whatever their case", () => {
  expect(phraseEffect("So GLAD to", ["sad", "glad"])).toBe(1);
  expect(phraseEffect("So what", ["sad", "glad"])).toBe(0);
});
