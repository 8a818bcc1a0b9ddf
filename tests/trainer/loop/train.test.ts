import { describe, expect, it } from "vitest";
import { f32 } from "../../../shared/tensor.ts";
import type { Executor } from "../../../trainer/engines/executor.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { decodeCheckpoint, encodeCheckpoint } from "../../../trainer/loop/checkpoint.ts";
import { type StepReport, type TrainingPlan, train } from "../../../trainer/loop/train.ts";
import { initialState, type TrainingState } from "../../../trainer/loop/training-state.ts";
import { learningRate } from "../../../trainer/optim/schedule.ts";
import { byHand, EXAMPLES, microBatch, PARAMETERS, regressionPlan, START } from "./regression.ts";

const runtime = createOnnxRuntimeExecutor({ threads: 1 });
const start = initialState(PARAMETERS, START);

/** An executor that counts the programs which were not disposed of. */
function counting(): { executor: Executor; open: () => number } {
  let open = 0;
  const executor: Executor = {
    ...runtime,
    compile: async (graph, options) => {
      const program = await runtime.compile(graph, options);
      open++;
      const dispose = async () => {
        open--;
        await program.dispose();
      };
      return { run: (feeds) => program.run(feeds), hold: (values) => program.hold(values), dispose };
    },
  };
  return { executor, open: () => open };
}

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
      const restored = decodeCheckpoint(encodeCheckpoint(states[step - 1]!, "run"), "run", PARAMETERS);
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

  it("mutates no state that it was given or gave", async () => {
    const { states } = await run(regressionPlan(8));
    expect(parametersOf(start)).toEqual([0.5, -1, 2]);
    expect(start.tensors["slope#m"]!.data).toEqual(Float32Array.of(0, 0));
    expect(new Set(states.map((state) => parametersOf(state).join())).size).toBe(6);
  });

  it("waits for onStep, ends with what it throws, and lets go of its programs either way", async () => {
    const { executor, open } = counting();
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
    const { executor, open } = counting();
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
