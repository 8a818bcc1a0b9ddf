import { expect, it } from "vitest";
import { f32 } from "../../../shared/tensor.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { forwardBackward } from "../../../trainer/loop/forward-backward.ts";
import { optimStep } from "../../../trainer/loop/optim-step.ts";
import { createUpdate } from "../../../trainer/loop/optimizer-update.ts";
import { train } from "../../../trainer/loop/train.ts";
import { initialState } from "../../../trainer/loop/training-state.ts";
import { byHand, EXAMPLES, microBatch, PARAMETERS, regressionPlan, START } from "./regression.ts";

const executor = createOnnxRuntimeExecutor({ threads: 1 });

it("a pass over micro-batches and an optimizer step, called one by one, are a step of the loop", async () => {
  const plan = regressionPlan(4, { metrics: { error: "sum", largest: "mean" } });
  const compiled = await executor.compile(plan.gradients, { bindings: plan.frozen });
  const programs = [compiled];
  const update = await createUpdate({
    parameters: PARAMETERS,
    optimizer: plan.optimizer,
    compile: async (graph) => {
      const program = await executor.compile(graph);
      programs.push(program);
      return program;
    },
  });
  const state = initialState(PARAMETERS, START);
  const halves = [EXAMPLES.slice(0, 4), EXAMPLES.slice(4)].map((half) => microBatch(half, EXAMPLES.length));
  const accumulated = await forwardBackward({
    parameters: PARAMETERS,
    values: Object.fromEntries(START),
    batches: halves,
    program: async () => compiled,
    metrics: plan.metrics!,
  });
  const { loss, slope, offset } = byHand([0.5, -1, 2]);
  expect(accumulated.loss).toBeCloseTo(loss, 4);
  expect(accumulated.trainedTokens).toBe(8);
  expect(accumulated.gradients["slope#grad"]!.data[1]).toBeCloseTo(slope[1], 4);
  expect(accumulated.gradients["offset#grad"]!.data[0]).toBeCloseTo(offset, 4);
  // `error` is each half's share of Σ|error|/8, `largest` the mean of the halves' largest errors.
  const errors = EXAMPLES.map(([x0, x1, y]) => Math.abs(x0 * 0.5 - x1 + 2 - y));
  expect(accumulated.metrics.error).toBeCloseTo(errors.reduce((sum, error) => sum + error, 0) / 8, 4);
  const largest = [errors.slice(0, 4), errors.slice(4)].map((half) => Math.max(...half));
  expect(accumulated.metrics.largest).toBeCloseTo((largest[0]! + largest[1]!) / 2, 4);

  const next = await optimStep({ ...plan, update }, state, accumulated);
  await Promise.all(programs.map((program) => program.dispose()));
  const looped = await train(executor, { ...plan, batches: () => halves }, state, {
    until: 1,
    onStep: (report) => expect(report).toEqual(next.report),
  });
  expect(next.state).toEqual(looped);
  expect(next.report.metrics).toEqual(accumulated.metrics);
});

it("takes a micro-batch of another shape by the graph that it names", async () => {
  const plan = regressionPlan(4);
  const pair = regressionPlan(2).gradients;
  const mixed = [
    microBatch(EXAMPLES.slice(0, 4), 8),
    { ...microBatch(EXAMPLES.slice(4, 6), 8), graph: pair },
    { ...microBatch(EXAMPLES.slice(6), 8), graph: pair },
  ];
  const losses: number[] = [];
  for (const batches of [plan.batches, () => mixed]) {
    await train(executor, { ...plan, batches }, initialState(PARAMETERS, START), {
      until: 1,
      onStep: ({ loss }) => void losses.push(loss),
    });
  }
  expect(losses[1]).toBeCloseTo(losses[0]!, 5);
});

it("gives gradients of zero and no loss where there is no micro-batch", async () => {
  const none = await forwardBackward({
    parameters: PARAMETERS,
    values: {},
    batches: [],
    program: () => expect.fail("a program was asked for"),
  });
  expect(none).toEqual({
    loss: 0,
    metrics: {},
    trainedTokens: 0,
    gradients: { "slope#grad": f32([2, 1], [0, 0]), "offset#grad": f32([], [0]) },
    observed: [],
  });
});

it("hands over the outputs that were asked for, of each micro-batch", async () => {
  const each = f32([2], [1, 2]);
  const gradients = { "slope#grad": f32([2, 1], [0, 0]), "offset#grad": f32([], [0]) };
  const run = async () => ({ loss: f32([], [1]), each, ...gradients });
  const { observed } = await forwardBackward({
    ...{ parameters: PARAMETERS, values: {}, observed: ["each"] },
    batches: [
      { feeds: {}, trainedTokens: 1 },
      { feeds: {}, trainedTokens: 1 },
    ],
    program: async () => ({ run }) as never,
  });
  expect(observed).toEqual([{ each }, { each }]);
});
