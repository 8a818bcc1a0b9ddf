import { describe, expect, it } from "vitest";
import { sumToShape } from "../../../shared/autodiff/sum-to-shape.ts";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import { interpret } from "../../contract/interpreter.ts";

function summed(from: readonly number[], to: readonly number[]) {
  const b = new GraphBuilder("g");
  const x = b.input("x", "f64", from);
  const graph = b.build({ y: sumToShape(b, x, to) });
  const data = Float64Array.from({ length: from.reduce((product, dim) => product * dim, 1) }, (_, i) => i);
  return { ops: graph.nodes.map(({ op }) => op), ...interpret(graph, { x: { shape: from, data } }).y! };
}

describe("sumToShape", () => {
  it("returns a value of that shape unchanged", () => {
    expect(summed([2, 3], [2, 3]).ops).toEqual([]);
  });

  it("sums leading axes away", () => {
    expect(summed([2, 3], [3])).toMatchObject({ ops: ["reduceSum"], shape: [3], data: Float64Array.of(3, 5, 7) });
    expect(summed([2, 3], [])).toMatchObject({ ops: ["reduceSum"], shape: [], data: Float64Array.of(15) });
  });

  it("sums axes of size 1, and keeps them", () => {
    expect(summed([2, 3], [2, 1])).toMatchObject({ shape: [2, 1], data: Float64Array.of(3, 12) });
    expect(summed([2, 3], [1, 1])).toMatchObject({ shape: [1, 1], data: Float64Array.of(15) });
    expect(summed([2, 2, 2], [2, 1])).toMatchObject({ shape: [2, 1], data: Float64Array.of(10, 18) });
  });

  it("only reshapes if nothing was repeated", () => {
    expect(summed([1, 3], [3])).toMatchObject({ shape: [3], data: Float64Array.of(0, 1, 2) });
  });
});
