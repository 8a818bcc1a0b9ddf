import { describe, expect, it } from "vitest";
import { z } from "zod";
import { f32, type Tensor } from "../../../shared/tensor.ts";
import type { Executor } from "../../../trainer/engines/executor.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import type { CarriedState } from "../../../trainer/loop/carried-state.ts";
import { decodeCheckpoint, encodeCheckpoint } from "../../../trainer/loop/checkpoint.ts";
import { initialSections } from "../../../trainer/loop/sections.ts";
import { type StepReport, type TrainingPlan, train } from "../../../trainer/loop/train.ts";
import { initialState, type TrainingState } from "../../../trainer/loop/training-state.ts";
import { learningRate } from "../../../trainer/optim/schedule.ts";
import { countingExecutor } from "./counting-executor.ts";
import { byHand, EXAMPLES, microBatch, PARAMETERS, regressionPlan, START } from "./regression.ts";

const runtime = createOnnxRuntimeExecutor({ threads: 1 });
const start = initialState(PARAMETERS, START);

async function run(plan: TrainingPlan, state = start, until?: number) {
  const reports: StepReport[] = [];
  const states: TrainingState[] = [];
  const last = await train(runtime, plan, state, {
    onStep: (report, next) => {
      reports.push(report);
      states.push(next);
    },
    ...(until === undefined ? {} : { until }),
  });
  return { last, reports, states };
}

const parametersOf = ({ tensors }: TrainingState) =>
  [...tensors.slope!.data, ...tensors.offset!.data].map(Number) as [number, number, number];

/** AdamW written out over all examples at once. */
function reference(plan: TrainingPlan) {
  const { beta1, beta2, epsilon, weightDecay } = plan.optimizer;
  const values: [number, number, number] = [0.5, -1, 2];
  const [m, v] = [
    [0, 0, 0],
    [0, 0, 0],
  ];
  const losses: number[] = [];
  for (let step = 1; step <= plan.schedule.totalSteps; step++) {
    const { loss, slope, offset } = byHand(values);
    losses.push(loss);
    const rate = learningRate(plan.schedule, step - 1);
    for (const [i, g] of [...slope, offset].entries()) {
      m![i] = beta1 * m![i]! + (1 - beta1) * g;
      v![i] = beta2 * v![i]! + (1 - beta2) * g * g;
      if (i < 2) values[i]! *= 1 - rate * weightDecay;
      const corrected = m![i]! / (1 - beta1 ** step) / (Math.sqrt(v![i]! / (1 - beta2 ** step)) + epsilon);
      values[i]! -= rate * corrected;
    }
  }
  return { values, losses };
}

describe("train", { timeout: 30_000 }, () => {
  it("descends as AdamW on the whole batch written out by hand, and reports each step", async () => {
    const plan = regressionPlan(8);
    const expected = reference(plan);
    const { last, reports } = await run(plan);
    for (const [i, value] of parametersOf(last).entries()) expect(value).toBeCloseTo(expected.values[i]!, 4);
    expect(reports.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
    reports.forEach((report, i) => {
      expect(report.loss).toBeCloseTo(expected.losses[i]!, 4);
      expect(report.learningRate).toBe(learningRate(plan.schedule, i));
      expect(report).toMatchObject({ totalSteps: 6, stepTokens: 8, trainedTokens: 8 * (i + 1) });
    });
    const { slope, offset } = byHand([0.5, -1, 2]);
    expect(reports[0]!.gradNorm).toBeCloseTo(Math.hypot(...slope, offset), 3);
    expect(last).toMatchObject({ step: 6, trainedTokens: 48 });
    expect(expected.losses.at(-1)).toBeLessThan(expected.losses[0]!);
  });

  it("asks what runs after the steps about their number before the first one", async () => {
    const refusal = new Error("too few steps");
    const seen: number[] = [];
    const checkSteps = (totalSteps: number) => {
      seen.push(totalSteps);
      throw refusal;
    };
    const afterStep = { memory: new Map(), apply: () => new Map(), checkSteps };
    await expect(run(regressionPlan(8, { afterStep, batches: () => expect.fail("a step was taken") }))).rejects.toBe(
      refusal,
    );
    expect(seen).toEqual([6]);
  });

  it("gives the same from 8 micro-batches of 1 as from one of 8", async () => {
    const [whole, split] = [await run(regressionPlan(8)), await run(regressionPlan(1))];
    for (const [i, value] of parametersOf(split.last).entries()) {
      expect(value).toBeCloseTo(parametersOf(whole.last)[i]!, 5);
    }
    expect(split.reports.map(({ stepTokens }) => stepTokens)).toEqual([8, 8, 8, 8, 8, 8]);
    for (const [i, { loss }] of split.reports.entries()) expect(loss).toBeCloseTo(whole.reports[i]!.loss, 5);
  });

  it("ends with the same bytes from a checkpoint of any step", async () => {
    const plan = regressionPlan(2);
    const { last, states } = await run(plan);
    for (const step of [1, 4]) {
      const restored = decodeCheckpoint(encodeCheckpoint(states[step - 1]!, "run"), {
        run: "run",
        parameters: PARAMETERS,
      });
      const resumed = await run(plan, restored);
      expect(resumed.reports.map((report) => report.step)).toEqual([1, 2, 3, 4, 5, 6].slice(step));
      expect(encodeCheckpoint(resumed.last, "run")).toEqual(encodeCheckpoint(last, "run"));
    }
  });

  it("asks for the batches of each step by its number, and stops where it is told", async () => {
    const asked: number[] = [];
    const batches = (step: number) => {
      asked.push(step);
      return [microBatch(EXAMPLES, 8)];
    };
    const { last } = await run(regressionPlan(8, { batches }), start, 3);
    expect(last.step).toBe(3);
    await run(regressionPlan(8, { batches }), last);
    expect(asked).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it("reports the plan's metrics beside the loss, combined over the step's micro-batches", async () => {
    const metrics = { error: "sum", largest: "mean" } as const;
    const [whole, split] = [await run(regressionPlan(8, { metrics })), await run(regressionPlan(2, { metrics }))];
    for (const [i, { metrics: measured }] of split.reports.entries()) {
      expect(Object.keys(measured!)).toEqual(["error", "largest"]);
      expect(measured!.error).toBeCloseTo(whole.reports[i]!.metrics!.error!, 4);
      expect(measured!.largest).toBeLessThan(whole.reports[i]!.metrics!.largest!);
    }
    expect((await run(regressionPlan(8))).reports.every((report) => report.metrics === undefined)).toBe(true);
  });

  it("waits for batches that are made from the state, which a resumed run makes alike", async () => {
    // Each step learns what the model itself predicts, shifted by a little: the data is a function of the parameters.
    const batches: TrainingPlan["batches"] = async (step, { tensors, step: done }) => {
      expect(done).toBe(step);
      await new Promise((resolve) => setTimeout(resolve, 1));
      const [s0, s1] = Array.from(tensors.slope!.data, Number) as [number, number];
      const own = EXAMPLES.map(([a, b]) => [a, b, a * s0 + b * s1 + 0.5] as const);
      return [microBatch(own, own.length)];
    };
    const plan = regressionPlan(8, { batches });
    const { last, states } = await run(plan);
    expect(new Set(states.map(({ loss }) => loss)).size).toBe(6);
    const restored = decodeCheckpoint(encodeCheckpoint(states[2]!, "run"), { run: "run", parameters: PARAMETERS });
    const resumed = await run(plan, restored);
    expect(encodeCheckpoint(resumed.last, "run")).toEqual(encodeCheckpoint(last, "run"));
  });

  it("carries an objective's sections: seen by the batches, changed around the step, and part of a checkpoint", async () => {
    const spec = {
      initial: { tensors: { targets: f32([0], []) }, json: { level: 1 } },
      tensors: { targets: { dtype: "f32", shape: [null] } },
      json: z.strictObject({ level: z.number() }),
    } as const;
    const sectionOf = (state: TrainingState) =>
      state.sections!.buffer as { tensors: { targets: Tensor }; json: { level: number } };
    const carried: CarriedState = {
      specs: { buffer: spec },
      // Every second step fills the buffer anew; the step after it trains on the same targets.
      beforeStep: (state) => {
        if (state.step % 2 === 1) return {};
        const targets = f32(
          [8],
          Array.from({ length: 8 }, (_, i) => Number(state.tensors.offset!.data[0]) + i),
        );
        return { buffer: { ...sectionOf(state), tensors: { targets } } };
      },
      afterStep: async (state, report) => {
        expect(report.step).toBe(state.step);
        const { tensors, json } = sectionOf(state);
        return { buffer: { tensors, json: { level: json.level * (report.loss > 1 ? 1.5 : 0.5) } } };
      },
    };
    const batches: TrainingPlan["batches"] = (_, state) => {
      const { targets } = sectionOf(state).tensors;
      return [
        microBatch(
          EXAMPLES.map(([a, b], i) => [a, b, Number(targets.data[i])] as const),
          8,
        ),
      ];
    };
    const plan = regressionPlan(8, { carried, batches });
    const from = { ...start, sections: initialSections(carried.specs) };
    const { last, states } = await run(plan, from);
    expect(sectionOf(states[1]!).tensors.targets).toBe(sectionOf(states[0]!).tensors.targets);
    expect(sectionOf(states[2]!).tensors.targets).not.toEqual(sectionOf(states[0]!).tensors.targets);
    expect(sectionOf(last).json.level).not.toBe(1);
    for (const step of [1, 2, 5]) {
      const bytes = encodeCheckpoint(states[step - 1]!, "run");
      const restored = decodeCheckpoint(bytes, { run: "run", parameters: PARAMETERS, sections: carried.specs });
      expect(encodeCheckpoint((await run(plan, restored)).last, "run")).toEqual(encodeCheckpoint(last, "run"));
    }
    const undeclared = { ...carried, beforeStep: () => ({ other: spec.initial }) };
    await expect(run({ ...plan, carried: undeclared }, from)).rejects.toThrow("the section other cannot be kept");
  });

  it("mutates no state that it was given or gave", async () => {
    const { states } = await run(regressionPlan(8));
    expect(parametersOf(start)).toEqual([0.5, -1, 2]);
    expect(start.tensors["slope#m"]!.data).toEqual(Float32Array.of(0, 0));
    expect(new Set(states.map((state) => parametersOf(state).join())).size).toBe(6);
  });

  it("waits for onStep, ends with what it throws, and lets go of its programs either way", async () => {
    const { executor, open } = countingExecutor();
    let inside = false;
    const steps: number[] = [];
    const running = train(executor, regressionPlan(8), start, {
      onStep: async ({ step }) => {
        expect(inside).toBe(false);
        inside = true;
        await new Promise((resolve) => setTimeout(resolve, 5));
        inside = false;
        steps.push(step);
        if (step === 3) throw new Error("cancelled here");
      },
    });
    await expect(running).rejects.toThrow("cancelled here");
    expect([steps, open()]).toEqual([[1, 2, 3], 0]);
    await train(executor, regressionPlan(8), start);
    expect(open()).toBe(0);
  });

  it("lets go of the first program where the second cannot be compiled", async () => {
    const { executor, open } = countingExecutor();
    let compiled = 0;
    const failing: Executor = {
      ...executor,
      compile: (graph, options) =>
        ++compiled === 2 ? Promise.reject(new Error("no room")) : executor.compile(graph, options),
    };
    await expect(train(failing, regressionPlan(8), start)).rejects.toThrow("no room");
    expect(open()).toBe(0);
  });

  it.each([
    ["loss", Number.NaN, "step 3: the loss is not finite; lower the learning rate"],
    ["gradient", 1e15, "step 3: the gradient is not finite; lower the learning rate"],
  ])("names the step whose %s is not finite", async (_, value, message) => {
    const batches = (step: number) => {
      const batch = microBatch(EXAMPLES, 8);
      // A loss of 1e35 and a gradient of 2e20 are float32 numbers; the square that the gradient's norm needs is not.
      const y = f32([8, 1], [step === 2 ? value : 0, 0, 0, 0, 0, 0, 0, 0]);
      return [{ ...batch, feeds: { ...batch.feeds, y, total: f32([], [step === 2 && value > 0 ? 1e-5 : 8]) } }];
    };
    const steps: number[] = [];
    const running = train(runtime, regressionPlan(8, { batches }), start, {
      onStep: ({ step }) => void steps.push(step),
    });
    await expect(running).rejects.toMatchObject({ code: "non_finite", message, data: { step: 3 } });
    expect(steps).toEqual([1, 2]);
  });
});
