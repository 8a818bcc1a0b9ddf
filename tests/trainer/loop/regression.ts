import { GraphBuilder } from "../../../shared/graph/builder.ts";
import { f32, type Tensor } from "../../../shared/tensor.ts";
import { gradientGraph } from "../../../trainer/loop/gradient-graph.ts";
import type { GraphMetrics } from "../../../trainer/loop/metrics.ts";
import type { MicroBatch, TrainingPlan } from "../../../trainer/loop/train.ts";
import { ADAMW_DEFAULTS } from "../../../trainer/optim/adamw.ts";

/**
 * Least squares, small enough to work out by hand: loss = Σ (x·slope + offset − y)² / total. Its metrics are `error`, the share
 * of the mean absolute error, and `largest`, the largest error of the micro-batch.
 */
export const PARAMETERS = [
  { name: "slope", shape: [2, 1], decay: true },
  { name: "offset", shape: [], decay: false },
];
export const START = new Map<string, Tensor>([
  ["slope", f32([2, 1], [0.5, -1])],
  ["offset", f32([], [2])],
]);

/** One example: two features and what to predict. */
export type Example = readonly [number, number, number];

export const EXAMPLES: readonly Example[] = [
  [1, 2, 3],
  [-2, 0.5, 1],
  [0, -1, 4],
  [3, 3, -2],
  [0.25, 1, 0],
  [-1, -1, -1],
  [2, 0, 5],
  [1, -3, 2],
];

export function regressionGraph(rows: number) {
  const b = new GraphBuilder("regression");
  const inputs = new Map(PARAMETERS.map(({ name, shape }) => [name, b.input(name, "f32", shape)]));
  const x = b.input("x", "f32", [rows, 2]);
  const y = b.input("y", "f32", [rows, 1]);
  const scale = b.input("scale", "f32", []);
  const total = b.input("total", "f32", []);
  const error = b.sub(b.add(b.mul(b.matmul(x, inputs.get("slope")!), scale), inputs.get("offset")!), y);
  const loss = b.div(b.reduceSum(b.square(error), [0, 1]), total);
  const metrics: GraphMetrics = {
    error: { value: b.div(b.reduceSum(b.abs(error), [0, 1]), total), kind: "sum" },
    largest: { value: b.reduceMax(b.abs(error), [0, 1]), kind: "mean" },
  };
  return gradientGraph(b, { loss, metrics, parameters: PARAMETERS, parameter: (name) => inputs.get(name)! });
}

export function microBatch(examples: readonly Example[], total: number): MicroBatch {
  const feeds = {
    x: f32(
      [examples.length, 2],
      examples.flatMap((example) => example.slice(0, 2)),
    ),
    y: f32(
      [examples.length, 1],
      examples.map(([, , y]) => y),
    ),
    total: f32([], [total]),
  };
  return { feeds, trainedTokens: examples.length };
}

/** A plan whose steps see all examples in micro-batches of `rows`. */
export function regressionPlan(rows: number, changes: Partial<TrainingPlan> = {}): TrainingPlan {
  const starts = Array.from({ length: EXAMPLES.length / rows }, (_, i) => i * rows);
  return {
    gradients: regressionGraph(rows),
    frozen: new Map([["scale", f32([], [1])]]),
    parameters: PARAMETERS,
    optimizer: { ...ADAMW_DEFAULTS, weightDecay: 0.1, maxGradNorm: 0 },
    schedule: { kind: "linear", peak: 0.1, warmupSteps: 2, totalSteps: 6 },
    batches: () => starts.map((start) => microBatch(EXAMPLES.slice(start, start + rows), EXAMPLES.length)),
    ...changes,
  };
}

/** The loss and its gradient over all examples, at given parameters. */
export function byHand([s0, s1, offset]: readonly [number, number, number]) {
  const sums = { loss: 0, slope: [0, 0] as [number, number], offset: 0 };
  for (const [a, b, y] of EXAMPLES) {
    const error = a * s0 + b * s1 + offset - y;
    sums.loss += error ** 2 / EXAMPLES.length;
    sums.slope[0] += (2 * error * a) / EXAMPLES.length;
    sums.slope[1] += (2 * error * b) / EXAMPLES.length;
    sums.offset += (2 * error) / EXAMPLES.length;
  }
  return sums;
}
