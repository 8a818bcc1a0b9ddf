import { describe, expect, it, vi } from "vitest";
import { parseSafetensors } from "../../../../shared/formats/safetensors.ts";
import type { Unit } from "../../../../trainer/data/units.ts";
import type { Executor } from "../../../../trainer/engines/executor.ts";
import { settingsOf } from "../../../support/peft.ts";
import { countingExecutor } from "../../loop/counting-executor.ts";
import { ReinforceSettings, reinforce } from "./reinforce.ts";
import { killedAndResumed, runObjective } from "./run-objective.ts";
import { wholeRowSampler } from "./whole-row-sampler.ts";

vi.setConfig({ testTimeout: 120_000 });

const prompts = (count: number, from = 0) =>
  ["red", "green", "blue", "one", "two", "three", "up", "down"]
    .slice(from, from + count)
    .map((word) => `${JSON.stringify({ prompt: `say ${word}` })}\n`)
    .join("");
const settings = (hyperparameters: object = {}, peft: object = settingsOf({ type: "lora", r: 4 })) =>
  ReinforceSettings.parse({
    hyperparameters: { batch_size: 2, learning_rate: 0.05, max_steps: 6, group_size: 4, ...hyperparameters },
    peft,
  });
/** The share of the reply's tokens with a small id: about half at first. */
const reward = (reply: Int32Array) => reply.filter((id) => id < 210).length / reply.length;
const objective = reinforce({ sampler: wholeRowSampler, reward });
const training = prompts(6);
type Start = NonNullable<typeof objective.rollouts>["start"];

describe("a rollout objective, from one file outside of the trainer", () => {
  it("learns from what it samples with its own current parameters", async () => {
    const lively = { max_steps: 20, group_size: 8, learning_rate: 0.02, lr_schedule: "constant" };
    const { steps, outcome, messages } = await runObjective(objective, {
      settings: settings(lively, { type: "full" }),
      ...{ training, validation: prompts(2, 6) },
    });
    const meanOf = (some: typeof steps) => some.reduce((sum, { reward: one }) => sum + one!, 0) / some.length;
    expect(meanOf(steps.slice(0, 6))).toBeLessThan(0.6);
    expect(meanOf(steps.slice(-6))).toBeGreaterThan(0.8);
    expect(outcome.metrics.valid_reward).toBeGreaterThan(0.8);
    // Rollouts are scored under the parameters that sampled them, and drift away from the base's.
    for (const { ratio } of steps) expect(ratio).toBeCloseTo(1, 4);
    expect(steps[0]!.kl).toBeCloseTo(0, 4);
    expect(steps.at(-1)!.kl).toBeGreaterThan(0.1);
    expect(messages[0]).toMatch(/^train\.jsonl: 6 kept .*; \d+ tokens of prompts$/);
  });

  it("killed after any step and resumed, it ends with the same bytes: rollouts, baseline and buffer come back", async () => {
    const options = { settings: settings(), training, validation: prompts(1, 6) };
    let last: Uint8Array | undefined;
    const undisturbed = await runObjective(objective, {
      ...options,
      afterStep: ({ state }) => {
        last = state();
      },
    });
    const { metadata, tensors } = parseSafetensors(last!);
    expect(tensors.get("section:controller/rewards")!.shape).toEqual([6]);
    expect(JSON.parse(metadata.sections!).controller.baseline).toBeGreaterThan(0.1);
    for (const step of [1, 3, 5]) {
      const resumed = await killedAndResumed(objective, options, step);
      expect(resumed.files).toEqual(undisturbed.files);
      expect(resumed.steps).toEqual(undisturbed.steps.slice(step));
      expect(resumed.outcome.metrics).toMatchObject({ tuned_loss: undisturbed.outcome.metrics.tuned_loss });
    }
  });

  it("refuses a checkpoint of a run without its sections", async () => {
    let checkpoint: Uint8Array | undefined;
    const { carried: _, ...bare } = objective;
    const plain = { ...bare, rollouts: { ...objective.rollouts!, start: startWithoutState } };
    const options = { settings: settings({ max_steps: 2 }), training };
    await runObjective(plain, {
      ...options,
      afterStep: ({ state }) => {
        checkpoint ??= state();
      },
    });
    await expect(runObjective(objective, { ...options, checkpoint: checkpoint! })).rejects.toMatchObject({
      code: "corrupt_blob",
      message: "the checkpoint has no section controller",
    });
  });

  it("compiles each graph once, however many steps sample, score and train, and disposes of them all", async () => {
    const { executor, compiled, open } = countingExecutor();
    await runObjective(objective, { settings: settings({ max_steps: 4 }), training, executor });
    expect([...compiled].sort()).toEqual(
      ["adamw", "log_probabilities", "log_probabilities", "prediction", "training_step"].sort(),
    );
    expect(open()).toBe(0);
    const failing: Executor = {
      ...executor,
      compile: (graph, options) =>
        graph.name === "adamw" ? Promise.reject(new Error("no room")) : executor.compile(graph, options),
    };
    await expect(runObjective(objective, { settings: settings(), training, executor: failing })).rejects.toThrow(
      "no room",
    );
    expect(open()).toBe(0);
  });

  it("samples behind a method's prefix as it trains behind it", async () => {
    const peft = settingsOf({ type: "prefix", num_virtual_tokens: 2 });
    const { steps } = await runObjective(objective, { settings: settings({ max_steps: 2 }, peft), training });
    for (const { ratio } of steps) expect(ratio).toBeCloseTo(1, 4);
  });

  it("refuses rollouts that are not one for each prompt, or longer than was planned", async () => {
    const options = { settings: settings({ max_steps: 1 }), training };
    const changed = (change: (units: readonly Unit[]) => readonly Unit[]) => {
      const start: Start = async (tools) => {
        const sample = await objective.rollouts!.start(tools);
        return async (given) => change(await sample(given));
      };
      return runObjective({ ...objective, rollouts: { ...objective.rollouts!, start } }, options);
    };
    await expect(changed((units) => units.slice(1))).rejects.toThrow("made 1 units of up to");
    const long = { ids: new Int32Array(200), labels: new Int32Array(200) };
    await expect(changed((units) => units.map(() => ({ examples: [long] })))).rejects.toThrow(
      /made 2 units of up to 200 tokens from 2 prompts or units, for rows of \d+ tokens$/,
    );
  });
});

/** The same rollouts for a run that carries nothing. */
const startWithoutState: Start = async (tools) => {
  const sample = await objective.rollouts!.start(tools);
  const sections = { controller: { tensors: {}, json: { baseline: 0 } } };
  return (given) => sample({ ...given, state: { ...given.state, sections } });
};
