import { describe, expect, it } from "vitest";
import { gradient } from "../../../shared/autodiff/gradient.ts";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import { printGraph, printNode } from "../../../shared/graph/print.ts";
import { f32, i64 } from "../../../shared/tensor.ts";

describe("printGraph", () => {
  it("shows inputs, constants, nodes and outputs on one line each", () => {
    const b = new GraphBuilder("decode");
    const x = b.input("tokens", "i64", ["batch", "seq"]);
    const hidden = b.gather(b.constant(f32([3, 2], [1, 2, 3, 4, 5.5, 6])), x);
    const last = b.reshape(b.slice(hidden, 1, -1), ["batch", 2]);
    expect(printGraph(b.build({ last, double: b.mul(last, 2) }))).toBe(
      `graph decode {
  %0 = input "tokens" : i64[batch, seq]
  %1 = constant {1, 2, 3, 4, …} : f32[3, 2]
  %5 = constant {2} : f32[]
  %2 = gather(%1, %0) : f32[batch, seq, 2]
  %3 = slice(%2) {axis=1, start=-1, end=null} : f32[batch, 1, 2]
  %4 = reshape(%3) {shape=["batch",2]} : f32[batch, 2]
  %6 = mul(%4, %5) : f32[batch, 2]
  output "last" = %4
  output "double" = %6
}
`,
    );
  });

  it("prints equal graphs identically", () => {
    const build = () => {
      const b = new GraphBuilder("g");
      return b.build({ y: b.add(b.input("x", "f32", [2]), 1) });
    };
    expect(printGraph(build())).toBe(printGraph(build()));
  });

  it("shows 64-bit integers", () => {
    const b = new GraphBuilder("g");
    expect(printGraph(b.build({ y: b.neg(b.constant(i64([2], [1, -2]))) }))).toContain("constant {1, -2} : i64[2]");
  });

  it("matches the snapshot of a small network's gradient", () => {
    const b = new GraphBuilder("mlp");
    const x = b.input("x", "f32", [4, 3]);
    const w = b.input("w", "f32", [3, 2]);
    const hidden = b.tanh(b.matmul(x, w));
    const loss = b.reduceMean(b.square(hidden), [0, 1]);
    const [dw] = gradient(b, loss, [w]) as [typeof loss];
    expect(printGraph(b.build({ loss, dw }))).toMatchSnapshot();
  });
});

describe("printNode", () => {
  it("separates several outputs", () => {
    const outputs = [7, 8].map((id) => ({ id, dtype: "f32", shape: [2] }) as const);
    expect(printNode({ op: "neg", attrs: {}, inputs: [outputs[0]!], outputs })).toBe(
      "%7, %8 = neg(%7) : f32[2], f32[2]",
    );
  });
});
