/** `node run-case.ts NAME whole|chunks`: a few training steps in this process, and what they took, as JSON. */
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import { trainingForward } from "../../../shared/model/training-forward.ts";
import { createRandom } from "../../../shared/random.ts";
import { f32, i64, type Tensor, tensor, zeros } from "../../../shared/tensor.ts";
import { labelledPlaces } from "../../../trainer/data/labelled.ts";
import { takenBy } from "../../../trainer/engines/feeds.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { gradientGraph } from "../../../trainer/loop/gradient-graph.ts";
import { crossEntropy } from "../../../trainer/losses/cross-entropy.ts";
import { slots } from "../../../trainer/optim/adamw.ts";
import { feedsFor, frozenTensors, trainingGraph } from "../../../trainer/recipes/causal-graphs.ts";
import { attached } from "../../support/peft.ts";
import { median } from "../median.ts";
import { CASES, type HeadRun } from "./cases.ts";

const STEPS = 4;

const [name, way] = process.argv.slice(2);
const one = CASES.find((each) => each.name === name)!;
const { config, weights } = one.model();
const method = attached(one.peft, { config, weights });
const shape = { rows: one.rows, tokens: one.tokens };
const size = shape.rows * shape.tokens;
const random = createRandom(1, "head");
const labels = Float32Array.from({ length: size }, () => (random.float() < one.labelled ? 1 : 0));
const count = labels.reduce((sum, label) => sum + label, 0);
const room = one.labelled === 1 ? undefined : Math.ceil(count / 16) * 16;
const ids = () =>
  i64(
    [shape.rows, shape.tokens],
    Array.from({ length: size }, () => random.below(config.vocabSize)),
  );
const feeds: Record<string, Tensor> = {
  tokens: ids(),
  positions: i64(
    [shape.rows, shape.tokens],
    Array.from({ length: size }, (_, at) => at % shape.tokens),
  ),
  segments: tensor("i32", [shape.rows, shape.tokens], new Int32Array(size).fill(1)),
  targets: ids(),
  weights: f32([shape.rows, shape.tokens], labels),
  total: f32([], [count]),
  ...(room === undefined ? {} : { labelled: labelledPlaces(f32([shape.rows, shape.tokens], labels), room)! }),
};

const graph = way === "whole" ? wholeLogits() : trainingGraph({ config, method, shape, labelled: room });
const executor = createOnnxRuntimeExecutor({ threads: 1 });
const program = await executor.compile(graph, { bindings: takenBy(graph, frozenTensors(weights, method)) });
const state = Object.fromEntries(
  method.parameters.flatMap(({ name, shape }) => [
    [name, method.initial.get(name)!] as const,
    [slots(name).gradient, zeros(shape)] as const,
  ]),
);
const times: number[] = [];
let loss = 0;
for (let step = 0; step < STEPS; step++) {
  const start = process.cpuUsage();
  const outputs = await program.run({ ...feedsFor(graph, feeds), ...state });
  const { user, system } = process.cpuUsage(start);
  times.push((user + system) / 1_000);
  loss = Number(outputs.loss!.data[0]);
}
const result: HeadRun = {
  peakBytes: process.resourceUsage().maxRSS * 1024,
  // The first step also makes room for the others.
  stepMs: median(times.slice(1)),
  loss,
};
process.stdout.write(JSON.stringify(result));

/** Cross-entropy on the logits of the whole batch, as a graph would have it that keeps them. */
function wholeLogits() {
  const b = new GraphBuilder("whole");
  const own = new Map(method.parameters.map((each) => [each.name, each]));
  const made = new Map<string, ReturnType<typeof b.input>>();
  const parameter = (each: string) => {
    const value = made.get(each) ?? b.input(each, "f32", own.get(each)!.shape);
    made.set(each, value);
    return value;
  };
  const forward = trainingForward(b, config, shape, {
    rewrite: (positions, weight) =>
      method.rewrite?.({
        ...{ b, config, parameter, weight, positions, training: true },
        random: () => {
          throw new Error("no dropout is measured");
        },
      }) ?? {},
  });
  const ofBase = (each: string) => (weights.has(each) ? forward.weight(each) : parameter(each));
  return gradientGraph(b, { loss: crossEntropy(b, forward.logits), parameters: method.parameters, parameter: ofBase });
}
