import { expect, it } from "vitest";
import { SteeringObject } from "../../../shared/api/steering.ts";
import { CreateSweep, Sweep } from "../../../shared/api/steering-sweep.ts";
import { planSweep, type SweepRun } from "../../../shared/sweep/plan.ts";
import type { Sample } from "../../../shared/sweep/summary.ts";
import { effectName, runSweep } from "../../../shared/sweep/sweep.ts";

const steering = SteeringObject.parse({
  classifier: [{ id: "ft:mood", label: "positive", mode: "token_values", strength: 1 }],
});
const request = CreateSweep.parse({
  model: "base",
  prompts: ["Once", "Twice", "Thrice"],
  steering,
  grid: { "classifier.0.strength": [1, 3] },
  baselines: { prompt: "Be glad.", model: "ft:glad" },
});
const plan = planSweep(request, steering);
const usage = () => ({ prompt_tokens: 1, completion_tokens: 2, total_tokens: 3, steering_tokens: 4 });

/** Steering costs a factor of e^0.1 of perplexity for each unit of strength. */
const texts = async ({ steering: object }: SweepRun): Promise<Sample[]> => {
  const strength = object?.classifier?.[0]?.strength ?? 0;
  return [0, 1, 2].map((prompt) => ({
    prompt,
    text: `${strength}/${prompt}`,
    tokens: [1, 2, 3, 4, 5],
    baseLogprobs: Array.from({ length: 5 }, () => -1 - strength / 10),
    effect: strength / 4,
  }));
};

it("puts effect, fluency and the picture together, relative to the model as it is", async () => {
  const ran: string[] = [];
  const run = (of: SweepRun) => {
    ran.push(of.name);
    return texts(of);
  };
  const finished: [string, number, number][] = [];
  const sweep = await runSweep(plan, {
    run,
    usage,
    finished: ({ run: { name }, statistics }, done) => finished.push([name, statistics.effect.value, done]),
  });
  expect(finished).toEqual([
    ["plain", 0, 1],
    ["cell 1", 0.25, 2],
    ["cell 2", 0.75, 3],
    ["prompt", 0, 4],
    ["ft:glad", 0, 5],
  ]);
  expect(Sweep.parse(sweep)).toEqual(sweep);
  expect(ran).toEqual(["plain", "cell 1", "cell 2", "prompt", "ft:glad"]);
  expect(sweep.cells.map(({ number, grid, statistics }) => [number, grid, statistics.effect.value])).toEqual([
    [1, { "classifier.0.strength": 1 }, 0.25],
    [2, { "classifier.0.strength": 3 }, 0.75],
  ]);
  expect(sweep.cells[1]?.statistics.perplexity_ratio).toBeCloseTo(Math.exp(0.3), 12);
  expect(sweep.baselines.map(({ kind, name, statistics }) => [kind, name, statistics.perplexity_ratio])).toEqual([
    ["plain", "plain", 1],
    ["prompt", "prompt", 1],
    ["model", "ft:glad", 1],
  ]);
  expect(sweep.cells[0]?.statistics.examples).toEqual(["1/0", "1/1", "1/2"]);
  expect(sweep.svg).toContain("effect: probability of positive");
  expect(sweep.usage).toEqual(usage());
  expect(await runSweep(plan, { run: texts, usage })).toEqual(sweep);
});

it("ends with the error of a run", async () => {
  const run = async (of: SweepRun) => (of.name === "cell 2" ? Promise.reject(new Error("engine")) : texts(of));
  await expect(runSweep(plan, { run, usage })).rejects.toThrow("engine");
});

it("names the effect on the axis", () => {
  expect(effectName({ scorer: "judge" })).toBe("score of judge");
  expect(effectName({ phrases: ["glad"] })).toBe("share with “glad”");
  expect(effectName({ phrases: ["glad", "happy"] })).toBe("share with one of the phrases");
});
