import { expect, it } from "vitest";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import type { Value } from "../../../shared/graph/graph.ts";
import { combineRewrites, type ModelRewrite } from "../../../shared/model/rewrite.ts";
import { f32, i64 } from "../../../shared/tensor.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";

const executor = createOnnxRuntimeExecutor({ threads: 1 });

/** The numbers that a graph over one two-element x gives. */
async function numbers(build: (b: GraphBuilder, x: Value) => Value): Promise<number[]> {
  const b = new GraphBuilder("rewrite");
  const program = await executor.compile(b.build({ y: build(b, b.input("x", "f32", [2])) }));
  const { y } = await program.run({ x: f32([2], [10, 20]) });
  await program.dispose();
  return Array.from(y!.data as Float32Array);
}

const scaled = (b: GraphBuilder, factor: number): ModelRewrite => ({
  linear: () => ({ scale: b.constant(f32([2], [factor, factor])) }),
});

it("adds up scales by what they differ from 1, and keeps every term", async () => {
  const sum = await numbers((b, x) => {
    const more: ModelRewrite = { linear: () => ({ added: [b.scalar(100)] }) };
    const combined = combineRewrites(b, [scaled(b, 3), more, scaled(b, 0.5), {}]);
    const { scale, added } = combined.linear!({ path: "p", x, product: x, multiply: (z) => z });
    expect(added).toHaveLength(1);
    return b.add(b.mul(x, scale!), added![0]!);
  });
  expect(sum).toEqual([10 * 2.5 + 100, 20 * 2.5 + 100]);
});

it("leaves the scale out where nobody has one", () => {
  const b = new GraphBuilder("none");
  const x = b.input("x", "f32", [2]);
  expect(combineRewrites(b, [{}, {}]).linear!({ path: "p", x, product: x, multiply: (z) => z })).toEqual({ added: [] });
});

it("passes embeddings through one after the other and collects what is added to blocks and the stream", async () => {
  const result = await numbers((b, x) => {
    const plus = (term: number): ModelRewrite => ({
      embed: ({ y }) => b.mul(b.add(y, term), 2),
      block: ({ y }) => [b.add(y, term)],
      stream: ({ layer, stream }) => [b.mul(stream, term + layer)],
    });
    const combined = combineRewrites(b, [plus(1), plus(2)]);
    const terms = [...combined.block!({ path: "layers.0.mlp", stream: x, y: x })];
    terms.push(...combined.stream!({ layer: 100, stream: x }));
    const tokens = b.constant(i64([1], [0]));
    return terms.reduce((sum, term) => b.add(sum, term), combined.embed!({ tokens, y: x }));
  });
  const expected = (x: number) => ((x + 1) * 2 + 2) * 2 + (x + 1) + (x + 2) + x * 101 + x * 102;
  expect(result).toEqual([expected(10), expected(20)]);
});

it("has a prefix or a product only where one of them has", () => {
  const b = new GraphBuilder("one");
  const value = b.input("x", "f32", [2]);
  const prefix = () => ({ key: value, value });
  expect(combineRewrites(b, [{}, { prefix }]).prefix).toBe(prefix);
  expect(combineRewrites(b, [{}, { prefix }]).product).toBeUndefined();
});
