import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import type { Value } from "../../../shared/graph/graph.ts";
import { f32, i64, type Tensor } from "../../../shared/tensor.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { createLossContext, type LossContext, shareOfStep } from "../../../trainer/recipes/loss-context.ts";
import { forwardOfLogits } from "../../support/forward-of-logits.ts";

const executor = createOnnxRuntimeExecutor({ threads: 1 });
const form = { examples: 2, columns: { margin: "unit", score: "example", reference: "token" } } as const;

/** What a loss computes over one row of four tokens with three words, in room for two units of two examples. */
async function compute(build: (context: LossContext) => Value, feeds: Record<string, Tensor>) {
  const b = new GraphBuilder("loss");
  const logits = b.input("logits", "f32", [1, 4, 3]);
  const parameter = () => expect.fail("no parameter");
  const context = createLossContext({
    ...{ b, training: true, parameter, units: { form, capacity: 2 } },
    ...forwardOfLogits(b, logits),
  });
  const graph = b.build({ result: build(context) });
  const names = graph.inputs.map(({ name }) => name);
  const program = await executor.compile(graph);
  const all: Record<string, Tensor> = { logits: f32([1, 4, 3], LOGITS), ...feeds };
  const { result } = await program.run(Object.fromEntries(names.map((name) => [name, all[name]!])));
  await program.dispose();
  return { names, shape: result!.shape, data: Array.from(result!.data, Number) };
}

const LOGITS = [2, 0, 1, 0, 0, 0, -1, 5, 3, 1, 1, 1];
const targets = {
  targets: i64([1, 4], [0, 2, 1, 0]),
  weights: f32([1, 4], [1, 0, 1, 0]),
  total: f32([], [8]),
};
const FIRST = -Math.log(1 + Math.exp(-2) + Math.exp(-1));
const THIRD = -Math.log(1 + Math.exp(-6) + Math.exp(-2));

describe("the loss's view of a micro-batch", () => {
  it("gives log-probabilities of the targets, 0 where nothing is trained, and their mean over the step", async () => {
    const { shape, data } = await compute((context) => context.logProbabilities(), targets);
    expect(shape).toEqual([1, 4]);
    expect(data.map((value) => value + 0)).toEqual([expect.closeTo(FIRST, 5), 0, expect.closeTo(THIRD, 5), 0]);
    const loss = await compute((context) => context.crossEntropy(), targets);
    expect(loss.data[0]).toBeCloseTo(-(FIRST + THIRD) / 8, 5);
    expect((await compute(shareOfStep, targets)).data).toEqual([0.25]);
  });

  it("adds an input when it is used, once however often it is", async () => {
    const { names } = await compute(
      (context) => {
        const { b } = context;
        const twice = b.add(context.column("score"), context.column("score"));
        return b.div(b.reduceSum(b.mul(twice, context.present()), [0, 1]), context.totalUnits());
      },
      { "column#score": f32([2, 2], [1, 2, 3, 4]), present: f32([2, 2], [1, 1, 1, 0]), total_units: f32([], [2]) },
    );
    expect(names.sort()).toEqual(["column#score", "logits", "present", "total_units"]);
  });

  it("sums over the tokens of each example, and leaves padding out", async () => {
    const slots = i64([1, 4], [0, 0, 2, 4]);
    const reference = f32([1, 4], [1, 10, 100, 1000]);
    const summed = await compute((context) => context.sumOverExamples(context.column("reference")), {
      ...{ slots, "column#reference": reference },
    });
    expect(summed).toMatchObject({ shape: [2, 2], data: [11, 0, 100, 0] });
    const channels = await compute((context) => context.sumOverExamples(context.forward.logits), { slots });
    expect(channels).toMatchObject({ shape: [2, 2, 3], data: [2, 0, 1, 0, 0, 0, -1, 5, 3, 0, 0, 0] });
  });

  it("takes the values at the tokens that end examples", async () => {
    const ends = i64([2, 2], [1, 2, 0, 3]);
    const taken = await compute((context) => context.atEnds(context.forward.logits), { ends });
    const at = (token: number) => LOGITS.slice(3 * token, 3 * token + 3);
    expect(taken).toMatchObject({ shape: [2, 2, 3], data: [1, 2, 0, 3].flatMap(at) });
  });

  it("says which units there are from their examples", async () => {
    const present = f32([2, 2], [1, 0, 0, 0]);
    expect((await compute((context) => context.presentUnits(), { present })).data).toEqual([1, 0]);
  });

  it("knows no column but the form's", async () => {
    await expect(compute((context) => context.column("rewards"), {})).rejects.toThrow(
      "the units have no column rewards; their form declares margin, score, reference",
    );
  });
});
