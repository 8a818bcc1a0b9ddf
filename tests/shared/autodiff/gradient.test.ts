import { describe, expect, it } from "vitest";
import { gradient } from "../../../shared/autodiff/gradient.ts";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import type { Value } from "../../../shared/graph/graph.ts";
import { verify } from "../../../shared/graph/verify.ts";
import { type Array64, distance } from "../../contract/array64.ts";
import { normal } from "../../contract/cases.ts";
import { interpret } from "../../contract/interpreter.ts";
import { finiteDifference } from "../../contract/single-op.ts";

describe("gradient", () => {
  it("sums over all paths from a value to the loss", () => {
    const b = new GraphBuilder("g");
    const x = b.input("x", "f64", []);
    // x³ + 2x + x/x
    const loss = b.add(b.add(b.mul(b.square(x), x), b.mul(x, 2)), b.div(x, x));
    const [dx] = gradient(b, loss, [x]) as [Value];
    const graph = b.build({ dx });
    verify(graph);
    expect(interpret(graph, { x: { shape: [], data: Float64Array.of(3) } }).dx!.data[0]).toBeCloseTo(29, 12);
  });

  it("is correct for a small network with a shared weight", () => {
    const b = new GraphBuilder("network");
    const x = b.input("x", "f64", [2, 3, 4]);
    const w = b.input("w", "f64", [4, 4]);
    const scale = b.input("scale", "f64", [4]);
    const hidden = b.add(x, b.silu(b.matmul(b.rmsNorm(x, scale, 1e-5), w)));
    const logits = b.matmul(hidden, w, { transB: true });
    const loss = b.neg(b.reduceMean(b.slice(b.logSoftmax(logits), 2, 1, 2), [0, 1, 2]));
    const [dx, dw, dscale] = gradient(b, loss, [x, w, scale]) as [Value, Value, Value];
    const graph = b.build({ loss, dx, dw, dscale });
    verify(graph);
    const feeds: Record<string, Array64> = { x: normal([2, 3, 4]), w: normal([4, 4]), scale: normal([4]) };
    const results = interpret(graph, feeds);
    for (const name of Object.keys(feeds)) {
      expect(distance(results[`d${name}`]!, finiteDifference(graph, feeds, name)), name).toBeLessThan(1e-8);
    }
  });

  it("differentiates with respect to values inside the graph", () => {
    const b = new GraphBuilder("g");
    const hidden = b.exp(b.input("x", "f64", [2]));
    const loss = b.reduceSum(b.mul(hidden, 3), [0]);
    const [dh] = gradient(b, loss, [hidden]) as [Value];
    expect([...interpret(b.build({ dh }), { x: normal([2]) }).dh!.data]).toEqual([3, 3]);
  });

  it("gives the loss itself a gradient of 1", () => {
    const b = new GraphBuilder("g");
    const loss = b.neg(b.input("x", "f32", []));
    const [one] = gradient(b, loss, [loss]) as [Value];
    const { constants } = b.build({ one });
    expect([...constants.values()]).toMatchObject([{ dtype: "f32", data: Float32Array.of(1) }]);
  });

  it("can be taken twice", () => {
    const b = new GraphBuilder("g");
    const x = b.input("x", "f64", []);
    const [first] = gradient(b, b.mul(b.square(x), x), [x]) as [Value];
    const [second] = gradient(b, first, [x]) as [Value];
    expect(interpret(b.build({ second }), { x: { shape: [], data: Float64Array.of(2) } }).second!.data[0]).toBeCloseTo(
      12,
      12,
    );
  });

  it("computes what is marked so a second time, behind the gradients that need it, and to the same numbers", () => {
    const built = (marked: boolean) => {
      const b = new GraphBuilder("again");
      const x = b.input("x", "f64", [4, 3]);
      const w = b.input("w", "f64", [3, 5]);
      const rows = [0, 2].map((from) => b.slice(x, 0, from, from + 2));
      const parts = rows.map((row) => {
        const make = (part: Value) => b.reduceSum(b.logSoftmax(b.matmul(part, w)), [1]);
        return marked ? b.recomputed([row], ([again]) => [make(again!)])[0]! : make(row);
      });
      const loss = b.reduceSum(b.square(b.concat(parts, 0)), [0]);
      const [dx, dw] = gradient(b, loss, [x, w]) as [Value, Value];
      return b.build({ loss, dx, dw });
    };
    const feeds = { x: normal([4, 3]), w: normal([3, 5]) };
    const [graph, plain] = [built(true), built(false)];
    verify(graph);
    const [got, expected] = [interpret(graph, feeds), interpret(plain, feeds)];
    for (const name of ["loss", "dx", "dw"]) expect(distance(got[name]!, expected[name]!), name).toBeLessThan(1e-12);
    const products = (of: typeof graph) => of.nodes.filter(({ op }) => op === "matmul").length;
    expect(products(graph) - products(plain)).toBe(2);
    // Parts without any gradient are left alone.
    const b = new GraphBuilder("unused");
    const y = b.input("y", "f64", [2]);
    b.recomputed([y], ([again]) => [b.exp(again!)]);
    const [dy] = gradient(b, b.reduceSum(y, [0]), [y]) as [Value];
    expect(b.build({ dy }).nodes.some(({ op }) => op === "exp")).toBe(false);
  });

  it("rejects a loss that is not a scalar", () => {
    const b = new GraphBuilder("g");
    const x = b.input("x", "f32", [2]);
    expect(() => gradient(b, b.neg(x), [x])).toThrow("the loss must be a scalar, but has shape [2]");
  });

  it("names a value that the loss does not depend on", () => {
    const b = new GraphBuilder("g");
    const x = b.input("x", "f32", []);
    const idle = b.input("idle", "f32", []);
    expect(() => gradient(b, b.neg(x), [x, idle])).toThrow("the loss does not depend on %1, so it cannot be trained");
  });
});
