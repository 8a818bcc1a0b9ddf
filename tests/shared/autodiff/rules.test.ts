import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { GraphBuilder } from "../../../shared/graph/builder.ts";
import type { Value } from "../../../shared/graph/graph.ts";
import { ARITY, type OpAttrs, type OpName } from "../../../shared/graph/ops.ts";
import { verify } from "../../../shared/graph/verify.ts";
import type { DType } from "../../../shared/tensor.ts";
import { type Array64, distance } from "../../contract/array64.ts";
import { type CaseInput, normal } from "../../contract/cases.ts";
import { interpret } from "../../contract/interpreter.ts";
import { OP_SPEC } from "../../contract/op-spec.ts";
import {
  everyCase,
  exactCase,
  finiteDifference,
  forwardGraph,
  gradientGraph,
  inputName,
  isFloat,
  namedInputs,
} from "../../contract/single-op.ts";

const differentiableCases = everyCase().flatMap(({ op, spec, opCase }) => {
  const exact = exactCase(opCase);
  const candidates = spec.differentiable === "all" ? exact.inputs.map((_, i) => i) : spec.differentiable;
  const wrt = candidates.filter((i) => isFloat(exact.inputs[i]!));
  const { to } = exact.attrs as { to?: DType };
  const applies = wrt.length > 0 && (to === undefined || isFloat({ dtype: to }));
  return applies ? [{ op, name: opCase.name, exact, wrt }] : [];
});

describe("gradient rules against central differences in float64", () => {
  it.each(differentiableCases)("$op $name", ({ op, exact, wrt }) => {
    const graph = gradientGraph(exact.inputs, wrt, (b, x) => b.emit(op, x, exact.attrs as OpAttrs[OpName])[0]!);
    verify(graph);
    const upstream = normal(graph.outputs[0]!.value.shape as number[], 9);
    const feeds: Record<string, Array64> = { ...namedInputs(exact.inputs), upstream };
    const results = interpret(graph, feeds);
    for (const i of wrt) {
      const numeric = finiteDifference(graph, feeds, inputName(i));
      expect(numeric.data.every(Number.isFinite)).toBe(true);
      expect(distance(results[inputName(i)]!, numeric), `∂/∂input ${i}`).toBeLessThan(1e-6);
    }
  });

  it("use one matrix product per trained operand, and none for frozen ones", () => {
    for (const { op, name, exact } of differentiableCases.filter((row) => row.op === "matmul")) {
      const products = (wrt: readonly number[]) => {
        const graph = gradientGraph(exact.inputs, wrt, (b, x) => b.emit(op, x, exact.attrs as OpAttrs[OpName])[0]!);
        return graph.nodes.filter((node) => node.op === "matmul").length;
      };
      expect([products([0]), products([1]), products([0, 1])], name).toEqual([2, 2, 3]);
    }
  });
});

it("a 4-bit matrix propagates the gradient with one product and gets none itself", () => {
  const [x, packed, absmax] = OP_SPEC.matmulNf4.cases[0]!.inputs as [CaseInput, CaseInput, CaseInput];
  const { attrs } = OP_SPEC.matmulNf4.cases[0]!;
  const product = (b: GraphBuilder, values: readonly Value[]) => b.emit("matmulNf4", values, attrs)[0]!;
  const graph = gradientGraph([x, packed, absmax], [0], product);
  expect(graph.nodes.filter(({ op }) => op === "matmulNf4")).toMatchObject([
    { attrs: { transB: true } },
    { attrs: { transB: false } },
  ]);
  expect(() => gradientGraph([x, packed, absmax], [2], product)).toThrow("the loss does not depend on %2");
});

describe("ops without a gradient", () => {
  const without = (Object.keys(ARITY) as OpName[]).filter((op) => OP_SPEC[op].differentiable.length === 0);

  it.each(without)("%s propagates no gradient to its inputs", (op) => {
    const { inputs, attrs } = OP_SPEC[op].cases[0]!;
    const loss = (b: GraphBuilder, x: readonly Value[]) => b.cast(b.emit(op, x, attrs)[0]!, "f32");
    expect(() => gradientGraph(inputs, [0], loss)).toThrow(/the loss does not depend on %0|has no gradient/);
  });

  it("groupQueryAttention throws, and says where it cannot be used", () => {
    const { inputs, attrs } = OP_SPEC.groupQueryAttention.cases[0]!;
    expect(() => gradientGraph(inputs, [0], (b, x) => b.emit("groupQueryAttention", x, attrs)[0]!)).toThrow(
      "groupQueryAttention has no gradient: keep it off the path between parameters and loss",
    );
  });

  it("a detached factor is a constant for the other's gradient", () => {
    const x = normal([3]);
    const graph = gradientGraph([x], [0], (b, [value]) => b.mul(value!, b.detach(b.square(value!))));
    const results = interpret(graph, { x0: x, upstream: { shape: [3], data: new Float64Array([1, 1, 1]) } });
    expect(Array.from(results.x0!.data)).toEqual(Array.from(x.data, (number) => number * number));
    expect(Array.from(results.y!.data)).toEqual(Array.from(x.data, (number) => number * (number * number)));
  });

  it("a cast to integers propagates none", () => {
    expect(() => gradientGraph([normal([3])], [0], (b, [x]) => b.cast(b.cast(x!, "i64"), "f32"))).toThrow(
      "the loss does not depend on %0",
    );
  });
});

interface GoldenTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

interface GoldenCase {
  readonly op: string;
  readonly name: string;
  readonly attrs: Readonly<Record<string, unknown>>;
  readonly inputs: readonly GoldenTensor[];
  readonly output: GoldenTensor;
  /** Null if no input has a gradient. */
  readonly upstream: GoldenTensor | null;
  readonly grads: readonly (GoldenTensor | null)[];
}

type Composition = (b: GraphBuilder, x: readonly Value[], attrs: GoldenCase["attrs"]) => Value;

const layerNorm: Composition = (b, [x, weight, bias], { epsilon }) => {
  const centred = b.sub(x!, b.reduceMean(x!, [-1], true));
  const deviation = b.sqrt(b.add(b.reduceMean(b.square(centred), [-1], true), epsilon as number));
  return b.add(b.mul(b.div(centred, deviation), weight!), bias!);
};

/** PyTorch functions that take several ops here. */
const COMPOSED: Readonly<Record<string, Composition>> = {
  silu: (b, [x]) => b.silu(x!),
  gelu: (b, [x]) => b.mul(b.mul(x!, 0.5), b.add(b.erf(b.mul(x!, Math.SQRT1_2)), 1)),
  reduceMin: (b, [x], { axes, keepdims }) => b.neg(b.reduceMax(b.neg(x!), axes as number[], keepdims as boolean)),
  layerNorm,
  // x^y for positive x.
  pow: (b, [x, y]) => b.exp(b.mul(y!, b.log(x!))),
};

/** The golden's attributes in the graph's terms: axes counted from the front, without attributes that the op lacks. */
function graphAttrs(op: OpName, { attrs, inputs }: GoldenCase): OpAttrs[OpName] {
  const rank = inputs[0]!.shape.length;
  const front = (axis: number) => (axis < 0 ? axis + rank : axis);
  if (op === "softmax" || op === "logSoftmax" || op === "gatherElements") return {};
  if ("axes" in attrs) return { ...attrs, axes: (attrs.axes as number[]).map(front) } as never;
  if ("axis" in attrs) return { ...attrs, axis: front(attrs.axis as number) } as never;
  return attrs as never;
}

const file = new URL("../../golden/ops/ops.json", import.meta.url);
const goldens = (JSON.parse(readFileSync(file, "utf8")) as { cases: GoldenCase[] }).cases.filter(
  ({ name }) => name !== "negative base, constant exponent 2",
);

describe("values and gradients against PyTorch in float64", () => {
  const input = ({ dtype, shape, data }: GoldenTensor): CaseInput => ({ dtype, shape, data: Float64Array.from(data) });

  it.each(goldens)("$op $name", (golden) => {
    const inputs = golden.inputs.map(input);
    const wrt = golden.grads.flatMap((grad, i) => (grad && isFloat(golden.output) ? [i] : []));
    const compose = COMPOSED[golden.op];
    const op = golden.op as OpName;
    const f = (b: GraphBuilder, x: readonly Value[]) =>
      compose ? compose(b, x, golden.attrs) : b.emit(op, x, graphAttrs(op, golden))[0]!;
    const graph = wrt.length > 0 ? gradientGraph(inputs, wrt, f) : forwardGraph(inputs, f);
    verify(graph);
    const upstream = golden.upstream === null ? {} : { upstream: input(golden.upstream) };
    const results = interpret(graph, { ...namedInputs(inputs), ...upstream });
    expect(distance(results.y!, input(golden.output)), "value").toBeLessThan(1e-10);
    for (const i of wrt) {
      expect(distance(results[inputName(i)]!, input(golden.grads[i]!)), `∂/∂input ${i}`).toBeLessThan(1e-10);
    }
  });
});
