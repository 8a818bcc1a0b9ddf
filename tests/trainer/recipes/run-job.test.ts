import { describe, expect, it, vi } from "vitest";
import { JOB_TYPES } from "../../../shared/api/methods.ts";
import type { TrainerEvent } from "../../../shared/api/trainer.ts";
import { f32 } from "../../../shared/tensor.ts";
import type { Executor } from "../../../trainer/engines/executor.ts";
import { dpo } from "../../../trainer/recipes/dpo.ts";
import { recipeFor, runJob } from "../../../trainer/recipes/run-job.ts";
import { settingsOf } from "../../support/peft.ts";
import { countingExecutor } from "../loop/counting-executor.ts";
import { killedAndResumed, quietContext, runObjective, tinyJobOf } from "./objectives/run-objective.ts";

vi.setConfig({ testTimeout: 120_000 });

const line = (prompt: string) => `${JSON.stringify({ prompt, chosen: " yes", rejected: " no" })}\n`;
const training = ["one:", "two:", "three:", "four:"].map(line).join("");
const settings = (hyperparameters: object = {}) =>
  JOB_TYPES.dpo.settings.parse({
    hyperparameters: { batch_size: 2, learning_rate: 0.02, ...hyperparameters },
    peft: settingsOf({ type: "lora", r: 2 }),
  });

describe("runJob", () => {
  it("trains an objective's own parameters, keeps them in checkpoints and gives them to its publish", async () => {
    const own = {
      parameters: [{ name: "head", shape: [1], decay: false }],
      initial: new Map([["head", f32([1], [0])]]),
    };
    const objective: typeof dpo = {
      ...dpo,
      parameters: () => own,
      // The head learns to answer 3, beside what the pairs teach.
      loss: (context, given) => {
        const { b } = context;
        const { loss, metrics } = dpo.loss(context, given);
        const head = b.reduceSum(context.parameter("head"), [0]);
        const share = b.div(b.reduceSum(context.presentUnits(), [0]), context.totalUnits());
        const answer = { value: b.mul(head, share), kind: "sum" } as const;
        return { loss: b.add(loss, b.mul(b.square(b.sub(head, 3)), share)), metrics: { ...metrics, answer } };
      },
      publish: ({ kind, files }, { values }) => ({
        kind,
        files: new Map([
          ...files,
          ["head.bin", new Uint8Array(Float32Array.from(values.get("head")!.data as Float32Array).buffer)],
        ]),
      }),
    };
    const options = { settings: settings({ max_steps: 6, learning_rate: 0.1 }), training, validation: line("five:") };
    const run = await runObjective(objective, options);
    expect(run.steps.at(-1)!.answer).toBeGreaterThan(run.steps[0]!.answer!);
    expect(run.steps[0]!.loss).toBeCloseTo(Math.LN2 + 9, 4);
    expect(run.outcome.metrics.base_loss).toBeCloseTo(Math.LN2 + 9, 4);
    expect([...run.outcome.folder.files.keys()]).toContain("head.bin");
    const resumed = await killedAndResumed(objective, options, 2);
    expect(resumed.files).toEqual(run.files);
  });

  it("measures a base that the method does not start as without the method", async () => {
    const peft = settingsOf({ type: "prompt", num_virtual_tokens: 2 });
    const own = { parameters: [{ name: "head", shape: [], decay: false }], initial: new Map([["head", f32([], [0])]]) };
    const objective: typeof dpo = {
      ...dpo,
      parameters: () => own,
      loss: (context, given) => {
        const { loss } = dpo.loss(context, given);
        const { b } = context;
        const share = b.div(b.reduceSum(context.presentUnits(), [0]), context.totalUnits());
        return { loss: b.add(loss, b.mul(b.square(b.sub(context.parameter("head"), 1)), share)) };
      },
    };
    const { outcome } = await runObjective(objective, {
      settings: JOB_TYPES.dpo.settings.parse({ hyperparameters: { max_steps: 1 }, peft }),
      ...{ training, validation: line("five:") },
    });
    expect(outcome.metrics.base_loss).toBeCloseTo(Math.LN2 + 1, 5);
  });

  it("passes on what the executor has to say, before anything else", async () => {
    const events: Omit<TrainerEvent, "seq">[] = [];
    const { executor } = countingExecutor();
    const job = await tinyJobOf({ settings: settings({ max_steps: 1 }), training });
    const recipe = recipeFor(dpo);
    await recipe(
      job,
      quietContext({ executor: { ...executor, notice: "install more" }, event: (event) => void events.push(event) }),
    );
    expect(events[0]).toEqual({ level: "warn", message: "install more", type: "message", data: null });
    expect(events.filter(({ message }) => message === "install more")).toHaveLength(1);
  });

  it("lets go of every program, whichever cannot be compiled", async () => {
    const job = await tinyJobOf({ settings: settings({ max_steps: 1 }), training, validation: line("five:") });
    const names = ["log_probabilities", "evaluation", "training_step", "adamw"];
    const whole = countingExecutor();
    await runJob(dpo, job, quietContext({ executor: whole.executor }));
    expect([whole.compiled, whole.open()]).toEqual([names, 0]);
    for (const broken of names) {
      const { executor, open } = countingExecutor();
      const failing: Executor = {
        ...executor,
        compile: (graph, options) =>
          graph.name === broken ? Promise.reject(new Error("no room")) : executor.compile(graph, options),
      };
      await expect(runJob(dpo, job, quietContext({ executor: failing }))).rejects.toThrow("no room");
      expect(open()).toBe(0);
    }
  });
});
