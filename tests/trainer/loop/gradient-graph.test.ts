import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import { formatType } from "../../../shared/graph/value-type.ts";
import { f32 } from "../../../shared/tensor.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { gradientGraph } from "../../../trainer/loop/gradient-graph.ts";
import { byHand, EXAMPLES, microBatch, regressionGraph, START } from "./regression.ts";

describe("gradientGraph", { timeout: 30_000 }, () => {
  it("adds one accumulator per parameter and gives it back under the same name", () => {
    const graph = regressionGraph(8);
    const inputs = graph.inputs.map(({ name, value }) => `${name} ${formatType(value)}`);
    expect(inputs).toContain("slope#grad f32[2, 1]");
    expect(inputs).toContain("offset#grad f32[]");
    expect(graph.outputs.map(({ name }) => name)).toEqual([
      "loss",
      "metric#error",
      "metric#largest",
      "slope#grad",
      "offset#grad",
    ]);
  });

  it("adds the gradient to what is fed in", async () => {
    const program = await createOnnxRuntimeExecutor({ threads: 1 }).compile(regressionGraph(8));
    const result = await program.run({
      ...microBatch(EXAMPLES, EXAMPLES.length).feeds,
      scale: f32([], [1]),
      ...Object.fromEntries(START),
      "slope#grad": f32([2, 1], [100, -200]),
      "offset#grad": f32([], [7]),
    });
    await program.dispose();
    const expected = byHand([0.5, -1, 2]);
    expect(result.loss!.data[0]).toBeCloseTo(expected.loss, 4);
    expect(result["slope#grad"]!.data[0]).toBeCloseTo(100 + expected.slope[0], 4);
    expect(result["slope#grad"]!.data[1]).toBeCloseTo(-200 + expected.slope[1], 4);
    expect(result["offset#grad"]!.data[0]).toBeCloseTo(7 + expected.offset, 4);
  });

  it("minimises a penalty with the loss and reports the loss alone", async () => {
    const b = new GraphBuilder("penalised");
    const x = b.input("x", "f32", []);
    const graph = gradientGraph(b, {
      loss: b.square(x),
      penalty: b.mul(x, 5),
      parameters: [{ name: "x", shape: [], decay: true }],
      parameter: () => x,
    });
    const program = await createOnnxRuntimeExecutor({ threads: 1 }).compile(graph);
    const result = await program.run({ x: f32([], [3]), "x#grad": f32([], [0]) });
    await program.dispose();
    expect([result.loss!.data[0], result["x#grad"]!.data[0]]).toEqual([9, 2 * 3 + 5]);
  });

  it("refuses a parameter that the loss does not depend on", () => {
    const b = new GraphBuilder("idle");
    const [used, idle] = [b.input("used", "f32", []), b.input("idle", "f32", [])];
    const parameters = ["used", "idle"].map((name) => ({ name, shape: [], decay: true }));
    const parameter = (name: string) => (name === "used" ? used : idle);
    expect(() => gradientGraph(b, { loss: b.square(used), parameters, parameter })).toThrow(
      expect.objectContaining({
        code: "invalid_graph",
        message: expect.stringContaining("the loss does not depend on"),
      }),
    );
  });
});
