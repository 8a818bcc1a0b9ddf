import { gradient } from "../../shared/autodiff/gradient.ts";
import { GraphBuilder } from "../../shared/graph/builder.ts";
import type { Graph, Value } from "../../shared/graph/graph.ts";
import type { OpAttrs, OpName } from "../../shared/graph/ops.ts";
import type { DType } from "../../shared/tensor.ts";
import { type Array64, generate } from "./array64.ts";
import type { CaseInput, OpCase, OpSpec } from "./cases.ts";
import { interpret } from "./interpreter.ts";
import { OP_SPEC } from "./op-spec.ts";

/** The name of input i in the graphs below. */
export const inputName = (i: number): string => `x${i}`;
export const outputName = (i: number): string => (i === 0 ? "y" : `y${i}`);

export function namedInputs<T>(inputs: readonly T[]): Record<string, T> {
  return Object.fromEntries(inputs.map((input, i) => [inputName(i), input]));
}

/** Every case of every op, as rows for `it.each`. */
export function everyCase(): { op: OpName; name: string; spec: OpSpec<unknown>; opCase: OpCase<unknown> }[] {
  return (Object.keys(OP_SPEC) as OpName[]).flatMap((op) => {
    const spec = OP_SPEC[op] as OpSpec<unknown>;
    return spec.cases.map((opCase) => ({ op, name: opCase.name, spec, opCase }));
  });
}

/** The graph of one op over inputs x0, x1, …, with outputs y, y1, …. */
export function opGraph(op: OpName, opCase: OpCase<unknown>): Graph {
  const b = new GraphBuilder(op);
  const outputs = b.emit(op, declare(b, opCase.inputs), opCase.attrs as OpAttrs[OpName]);
  return b.build(Object.fromEntries(outputs.map((output, i) => [outputName(i), output])));
}

/** The graph of y = f(x0, x1, …). */
export function forwardGraph(inputs: readonly CaseInput[], f: GraphFunction): Graph {
  const b = new GraphBuilder("forward");
  return b.build({ y: f(b, declare(b, inputs)) });
}

type GraphFunction = (b: GraphBuilder, inputs: readonly Value[]) => Value;

function declare(b: GraphBuilder, inputs: readonly CaseInput[]): Value[] {
  return inputs.map(({ dtype, shape }, i) => b.input(inputName(i), dtype, shape));
}

/** The same case in float64, where rules can be checked precisely. */
export function exactCase(opCase: OpCase<unknown>): OpCase<unknown> {
  const exact = (dtype: DType): DType => (dtype === "f32" ? "f64" : dtype);
  const attrs = opCase.attrs as { readonly to?: DType };
  return {
    ...opCase,
    inputs: opCase.inputs.map((input) => ({ ...input, dtype: exact(input.dtype) })),
    attrs: attrs.to === undefined ? attrs : { ...attrs, to: exact(attrs.to) },
  };
}

export const isFloat = ({ dtype }: Pick<CaseInput, "dtype">): boolean => dtype === "f32" || dtype === "f64";

/**
 * The graph of Σ upstream ⊙ f(x0, x1, …) with outputs y, loss and, for each i in `wrt`, the gradient of x_i under the
 * name of x_i.
 */
export function gradientGraph(inputs: readonly CaseInput[], wrt: readonly number[], f: GraphFunction): Graph {
  const b = new GraphBuilder("gradient");
  const values = declare(b, inputs);
  const y = f(b, values);
  const upstream = b.input("upstream", y.dtype, y.shape);
  const axes = y.shape.map((_, axis) => axis);
  const loss = b.reduceSum(b.mul(y, upstream), axes);
  const gradients = gradient(
    b,
    loss,
    wrt.map((i) => values[i]!),
  );
  return b.build({ y, loss, ...Object.fromEntries(wrt.map((input, i) => [inputName(input), gradients[i]!])) });
}

/**
 * ∂loss/∂x for the input of that name, by the central difference of fourth order:
 * (8 (f(x + h) − f(x − h)) − (f(x + 2h) − f(x − 2h))) / 12h for every element.
 */
export function finiteDifference(graph: Graph, feeds: Readonly<Record<string, Array64>>, name: string): Array64 {
  const x = feeds[name]!;
  let i = 0;
  return generate(x.shape, () => {
    const value = x.data[i]!;
    const loss = (shift: number) =>
      interpret(graph, { ...feeds, [name]: { ...x, data: x.data.with(i, value + shift) } }).loss!.data[0]!;
    const h = 1e-3 * Math.min(1, Math.max(1e-3, Math.abs(value)));
    const difference = 8 * (loss(h) - loss(-h)) - (loss(2 * h) - loss(-2 * h));
    i++;
    return difference / (12 * h);
  });
}
