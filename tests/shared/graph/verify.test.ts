import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import type { Graph, Node, Value } from "../../../shared/graph/graph.ts";
import { verify } from "../../../shared/graph/verify.ts";
import { f32 } from "../../../shared/tensor.ts";

/** y = (x · W) + 1, z = eʸ. */
function sound(): Graph {
  const b = new GraphBuilder("net");
  const product = b.matmul(b.input("x", "f32", ["batch", 3]), b.constant(f32([3, 2], [1, 2, 3, 4, 5, 6])));
  const y = b.add(product, 1);
  return b.build({ y, z: b.exp(y) });
}

const changed = (graph: Graph, index: number, change: Partial<Record<keyof Node, unknown>>): Graph => ({
  ...graph,
  nodes: graph.nodes.with(index, { ...graph.nodes[index]!, ...change } as Node),
});

describe("verify", () => {
  it("accepts what the builder builds", () => {
    verify(sound());
  });

  const graph = sound();
  const [matmul, add, exp] = graph.nodes as [Node, Node, Node];
  const stranger: Value = { id: 99, dtype: "f32", shape: ["batch", 2] };
  const declared = (shape: Value["shape"], dtype: Value["dtype"] = "f32"): Value[] => [{ id: 50, dtype, shape }];
  const [constant] = graph.constants.keys() as unknown as [Value];

  const broken: readonly (readonly [string, Graph, string])[] = [
    [
      "a value used before it is defined",
      { ...graph, nodes: [add, matmul, exp] },
      "net: node 0 (%4 = add(%2, %3) : f32[batch, 2]) uses %2 before it is defined",
    ],
    [
      "a value that is never defined",
      changed(graph, 2, { inputs: [stranger] }),
      "net: node 2 (%5 = exp(%99) : f32[batch, 2]) uses %99 before it is defined",
    ],
    [
      "a node that is there twice",
      { ...graph, nodes: [...graph.nodes, exp] },
      "net: node 3 (%5 = exp(%4) : f32[batch, 2]) defines %5 again",
    ],
    [
      "an input that is also a constant",
      { ...graph, constants: new Map([...graph.constants, [graph.inputs[0]!.value, f32([1, 3], [1, 2, 3])]]) },
      "net: a constant defines %0 again",
    ],
    [
      "operands that do not fit the op",
      changed(graph, 1, { inputs: [add.inputs[0]!, constant] }),
      "net: node 1 (%4 = add(%2, %1) : f32[batch, 2]): add: cannot broadcast [batch, 2] with [3, 2]",
    ],
    [
      "too few operands",
      changed(graph, 1, { inputs: [add.inputs[0]!] }),
      "net: node 1 (%4 = add(%2) : f32[batch, 2]): add takes 2 inputs, got 1",
    ],
    [
      "attributes that do not fit",
      changed(graph, 0, { attrs: { transA: true, transB: false } }),
      "net: node 0 (%2 = matmul(%0, %1) {transA=true, transB=false} : f32[batch, 2]): matmul: inner dimensions differ",
    ],
    [
      "a declared shape that is not what the op gives",
      changed(graph, 2, { outputs: declared(["batch", 3]) }),
      "net: node 2 (%50 = exp(%4) : f32[batch, 3]) should have type f32[batch, 2] but declares f32[batch, 3]",
    ],
    [
      "a declared type that is not what the op gives",
      changed(graph, 2, { outputs: declared(["batch", 2], "f64") }),
      "should have type f32[batch, 2] but declares f64[batch, 2]",
    ],
    [
      "a node without its output",
      changed(graph, 2, { outputs: [] }),
      "should have type f32[batch, 2] but declares nothing",
    ],
    [
      "a node with more outputs than its op has",
      changed(graph, 2, { outputs: [...exp.outputs, stranger] }),
      "net: node 2 (%5, %99 = exp(%4) : f32[batch, 2], f32[batch, 2]) declares 2 outputs but has 1",
    ],
    [
      "a constant that is not of its declared shape",
      { ...graph, constants: new Map([...graph.constants, [constant, f32([2, 3], [1, 2, 3, 4, 5, 6])]]) },
      "net: constant %1 is declared f32[3, 2] but contains f32[2, 3]",
    ],
    [
      "a constant without all its elements",
      { ...graph, constants: new Map([[constant, { ...f32([3, 2], [1, 2, 3, 4, 5, 6]), data: new Float32Array(5) }]]) },
      "net: constant %1 is f32[3, 2] but contains 5 elements",
    ],
    [
      "an output that is never defined",
      { ...graph, outputs: [{ name: "lost", value: stranger }] },
      "net: output lost is %99, which is never defined",
    ],
    [
      "two outputs of one name",
      { ...graph, outputs: [...graph.outputs, { name: "y", value: exp.outputs[0]! }] },
      "net: the name y is used twice",
    ],
    [
      "two inputs of one name",
      { ...graph, inputs: [...graph.inputs, { name: "x", value: stranger }] },
      "net: the name x is used twice",
    ],
  ];

  it.each(broken)("finds %s", (_, wrong, message) => {
    expect(() => verify(wrong)).toThrow(
      expect.objectContaining({ code: "invalid_graph", message: expect.stringContaining(message) }),
    );
  });
});
