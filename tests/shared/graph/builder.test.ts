import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import { verify } from "../../../shared/graph/verify.ts";
import { f32 } from "../../../shared/tensor.ts";

describe("GraphBuilder", () => {
  it("infers a type with every node", () => {
    const b = new GraphBuilder("g");
    const x = b.input("x", "f32", ["batch", 4]);
    const y = b.add(x, b.constant(f32([4], [1, 2, 3, 4])));
    expect(y).toMatchObject({ dtype: "f32", shape: ["batch", 4] });
    expect(b.greater(x, y)).toMatchObject({ dtype: "bool", shape: ["batch", 4] });
    expect(b.nodes.map((node) => node.op)).toEqual(["add", "greater"]);
  });

  it("reports a mistake in the call that makes it", () => {
    const b = new GraphBuilder("g");
    const x = b.input("x", "f32", [2, 3]);
    expect(() => b.add(x, b.input("y", "f32", [2, 4]))).toThrow("add: cannot broadcast [2, 3] with [2, 4]");
    expect(b.nodes).toHaveLength(0);
  });

  it("rejects two inputs with one name", () => {
    const b = new GraphBuilder("step");
    b.input("x", "f32", []);
    expect(() => b.input("x", "f32", [1])).toThrow("the graph step already has an input named x");
  });

  it("gives a number operand the other operand's type", () => {
    const b = new GraphBuilder("g");
    const exact = b.input("x", "f64", [2]);
    const third = b.mul(exact, 1 / 3);
    expect(third.dtype).toBe("f64");
    const { constants } = b.build({ third });
    expect([...constants.values()].map(({ data }) => data[0])).toEqual([1 / 3]);
    expect(b.sub(1, b.input("n", "i64", [])).dtype).toBe("i64");
    expect(b.where(b.greater(exact, 0), 1, 2).dtype).toBe("f32");
  });

  it("keeps one constant for each number and type", () => {
    const b = new GraphBuilder("g");
    expect(b.scalar(2)).toBe(b.scalar(2));
    expect(b.scalar(2, "f64")).not.toBe(b.scalar(2));
  });

  it("counts negative axes of a reduction from the end and sorts them", () => {
    const b = new GraphBuilder("g");
    const x = b.input("x", "f32", [2, 3, 4]);
    expect(b.reduceSum(x, [-1, 0])).toMatchObject({ shape: [3] });
    expect(b.reduceMax(x, [-1], true)).toMatchObject({ shape: [2, 3, 1] });
    expect(b.nodes[0]!.attrs).toEqual({ axes: [0, 2], keepdims: false });
  });

  it("casts only if the type changes", () => {
    const b = new GraphBuilder("g");
    const x = b.input("x", "f32", [2]);
    expect(b.cast(x, "f32")).toBe(x);
    expect(b.cast(x, "i64").dtype).toBe("i64");
  });

  it("drops nodes that no output needs, but keeps every input", () => {
    const b = new GraphBuilder("g");
    const x = b.input("x", "f32", [2]);
    b.input("unused", "f32", [3]);
    const y = b.mul(x, 3);
    b.add(y, 5);
    const graph = b.build({ y });
    expect(graph.inputs.map(({ name }) => name)).toEqual(["x", "unused"]);
    expect(graph.nodes.map(({ op }) => op)).toEqual(["mul"]);
    expect(graph.constants.size).toBe(1);
    verify(graph);
  });

  it("can build several graphs from one, each verified", () => {
    const b = new GraphBuilder("g");
    const x = b.input("x", "f32", [2]);
    const y = b.exp(x);
    const z = b.neg(y);
    const [first, second] = [b.build({ y }), b.build({ z, y, again: y })];
    verify(first);
    verify(second);
    expect(second.outputs.map(({ name }) => name)).toEqual(["z", "y", "again"]);
  });
});
