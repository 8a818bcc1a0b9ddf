import { describe, expect, it } from "vitest";
import type { Graph } from "../../../shared/graph/graph.ts";
import { initialWeights } from "../../../shared/model/init.ts";
import {
  JUDGE,
  nameOf,
  outputNames,
  type PassFeatures,
  type PerturbationFeatures,
  perturbationGraph,
  perturbedStepGraph,
} from "../../../shared/model/perturbation-graph.ts";
import { createRandom } from "../../../shared/random.ts";
import { elementCount, f32, i64, type Tensor } from "../../../shared/tensor.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { largestDifference } from "./golden-models.ts";

const CONFIG = {
  modelType: "qwen2",
  vocabSize: 24,
  hiddenSize: 16,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  headDim: 8,
  ffnSize: 20,
  normEpsilon: 1e-5,
  ropeTheta: 10_000,
  maxPositions: 16,
  tied: false,
  attentionBias: true,
} as const;
const SIZES: Readonly<Record<string, number>> = { places: 5, [`${JUDGE}places`]: 4, classes: 3 };
const RANK = 2;
const bare: PassFeatures = {
  layout: "rows",
  factors: false,
  vectors: false,
  bottlenecks: "none",
  head: false,
  embedding: false,
};
const all: PassFeatures = {
  layout: "rows",
  factors: true,
  vectors: true,
  bottlenecks: "any",
  head: true,
  embedding: true,
};
const CASES: readonly (readonly [string, PerturbationFeatures])[] = [
  ["nothing", { text: bare, judge: bare, reward: false }],
  ["everything in the text's row", { text: all, judge: bare, reward: false }],
  ["everything in the judge's row", { text: bare, judge: all, reward: false }],
  ["a reward model", { text: bare, judge: { ...bare, bottlenecks: "stream" }, reward: true }],
];

/** Random values for every input, sound ones where a graph needs them. */
function feedsOf(graph: Graph): Record<string, Tensor> {
  const weights = initialWeights(CONFIG, 3);
  return Object.fromEntries(
    graph.inputs.map(({ name, value }) => {
      const shape = value.shape.map((dim) => (typeof dim === "number" ? dim : (SIZES[dim] ?? RANK)));
      const random = createRandom(2, name);
      const own = Float32Array.from({ length: elementCount(shape) }, () => 0.5 * random.normal());
      const weight = weights.get(name.replace(JUDGE, ""));
      if (weight !== undefined) return [name, weight];
      if (name.endsWith("position")) return [name, i64([1, 1], [shape.length + 2])];
      if (name.endsWith("place")) return [name, f32(shape, own.fill(0).with(-1, 1))];
      if (name === "share") return [name, f32([], [0.5])];
      if (name === "kl_scale") return [name, f32([], [0.3])];
      if (name === "wanted") return [name, f32(shape, own.fill(0).with(1, 1))];
      if (name.includes("past.")) {
        // The last place is the token's own.
        const [heads, places, width] = shape as [number, number, number];
        for (let head = 0; head < heads; head++)
          own.fill(0, (head * places + places - 1) * width, (head + 1) * places * width);
      }
      return [name, f32(shape, own)];
    }),
  );
}

const run = async (graph: Graph) => {
  const program = await createOnnxRuntimeExecutor({ threads: 1 }).compile(graph);
  const feeds = feedsOf(graph);
  return { feeds, run: (changed: Record<string, Tensor> = {}) => program.run({ ...feeds, ...changed }) };
};
const PASTS = [0, 1].flatMap((layer) =>
  (["key", "value"] as const).map((part) => [`past.${layer}.${part}`, outputNames("gradient", layer)[part]] as const),
);

describe.each(CASES)("with %s", (_, features) => {
  it("every gradient is the slope of the loss", async () => {
    const program = await run(perturbationGraph(CONFIG, { capacity: 16, features }));
    const results = await program.run();
    for (const [input, output] of PASTS) {
      const slope = results[output]!.data as Float32Array;
      const size = Math.sqrt(slope.reduce((sum, x) => sum + x * x, 0));
      const lossAt = async (distance: number) => {
        const from = program.feeds[input] as Tensor<"f32">;
        const moved = from.data.map((x, i) => x + (distance * slope[i]!) / size);
        return (await program.run({ [input]: f32(from.shape, moved) })).loss!.data[0] as number;
      };
      const rise =
        (8 * ((await lossAt(0.15)) - (await lossAt(-0.15))) - ((await lossAt(0.3)) - (await lossAt(-0.3)))) / 1.8;
      expect(Math.abs(rise - size) / size, input).toBeLessThan(0.02);
    }
  });

  it("the step reads the text with the same memory", async () => {
    const program = await run(perturbedStepGraph(CONFIG, { capacity: 16, features }));
    const logits = (await program.run()).logits!.data as Float32Array;
    const past = program.feeds["past.0.value"] as Tensor<"f32">;
    const moved = await program.run({
      "past.0.value": f32(
        past.shape,
        past.data.map((x) => 2 * x),
      ),
    });
    expect(logits.every(Number.isFinite)).toBe(true);
    expect(largestDifference(moved.logits!.data as Float32Array, logits)).toBeGreaterThan(1e-3);
  });
});

it("the loss adds the divergence to the class's score, and the mean of the states is judged", async () => {
  const program = await run(perturbationGraph(CONFIG, { capacity: 16, features: CASES[0]![1] }));
  const lossWith = async (changed: Record<string, Tensor>) => (await program.run(changed)).loss!.data[0] as number;
  const scale = (value: number) => ({ kl_scale: f32([], [value]) });
  const [none, one, two] = [await lossWith(scale(0)), await lossWith(scale(1)), await lossWith(scale(2))];
  expect(one).toBeGreaterThan(none);
  expect(two - one).toBeCloseTo(one - none, 5);
  // With a share of 0 nothing but the scorer's bias is left.
  const bias = program.feeds["scorer.bias"]!.data as Float32Array;
  const expected = Math.log(bias.reduce((sum, x) => sum + Math.exp(x), 0)) - bias[1]!;
  expect(await lossWith({ ...scale(0), share: f32([], [0]) })).toBeCloseTo(expected, 5);
});

it("names differ wherever graphs do", () => {
  const names = CASES.flatMap(([, features]) => [nameOf("perturbation", features), nameOf("perturbed-step", features)]);
  // The step has no judge.
  expect(new Set(names).size).toBe(names.length - 2);
});
