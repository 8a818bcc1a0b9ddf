import { TrimtabError } from "../errors.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import type { NodeOf, Value } from "../graph/graph.ts";
import type { OpName } from "../graph/ops.ts";
import { sameShape } from "../graph/value-type.ts";
import { sumToShape } from "./sum-to-shape.ts";

/**
 * The vector-Jacobian product of every op.
 *
 * A rule gets the node, the gradient `dy` of its first output and `needs[i]`, whether input i needs a gradient. It appends
 * nodes to the builder and returns one gradient per input, undefined if none is needed or none exists. A rule must emit nothing
 * for an input that needs no gradient: that is what makes training with frozen weights cheap.
 */
type Gradients = readonly (Value | undefined)[];
type GradientRule<K extends OpName> = (context: RuleContext<K>) => Gradients;

export interface RuleContext<K extends OpName> {
  readonly b: GraphBuilder;
  readonly node: NodeOf<K>;
  readonly inputs: readonly Value[];
  readonly y: Value;
  readonly dy: Value;
  readonly needs: readonly boolean[];
}

/** dx = f(x, y, dy) for ops with one input. */
const unary =
  (rule: (context: RuleContext<OpName> & { x: Value }) => Value): GradientRule<OpName> =>
  (context) => [rule({ ...context, x: context.inputs[0]! })];

/** (∂/∂x, ∂/∂y) for ops with two broadcast inputs, each summed back to its input's shape. */
const binary =
  (dx: (context: RuleContext<OpName>) => Value, dy: (context: RuleContext<OpName>) => Value): GradientRule<OpName> =>
  (context) =>
    [dx, dy].map((rule, i) =>
      context.needs[i] ? sumToShape(context.b, rule(context), context.inputs[i]!.shape) : undefined,
    );

/** 1 where a > b, ½ where equal, 0 elsewhere: PyTorch's subgradient for max and min. */
function share(b: GraphBuilder, x: Value, y: Value): Value {
  const above = b.cast(b.greater(x, y), x.dtype);
  const equal = b.cast(b.equal(x, y), x.dtype);
  return b.add(above, b.mul(equal, 0.5));
}

/** Restores the axes that a reduction dropped, with size 1, so that the result broadcasts against the input. */
function restoreAxes(b: GraphBuilder, value: Value, shape: Value["shape"], axes: readonly number[]): Value {
  return b.reshape(
    value,
    shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim)),
  );
}

function reducedCount(shape: Value["shape"], axes: readonly number[]): number {
  return axes.reduce((count, axis) => count * (shape[axis] as number), 1);
}

function reshapeTo(b: GraphBuilder, x: Value, shape: Value["shape"]): Value {
  return sameShape(x.shape, shape) ? x : b.reshape(x, shape);
}

function isFloat({ dtype }: Value): boolean {
  return dtype === "f32" || dtype === "f64";
}

function noGradient(op: OpName): GradientRule<OpName> {
  return () => {
    throw new TrimtabError("invalid_graph", `${op} has no gradient: keep it off the path between parameters and loss`, {
      data: { op },
    });
  };
}

const none: GradientRule<OpName> = ({ inputs }) => inputs.map(() => undefined);

/**
 * C = op(A) · op(B). For a two-dimensional B, shared by the whole batch, dB is one product over the flattened batch rather than
 * the sum of a batch of products.
 */
const matmul: GradientRule<"matmul"> = ({ b, node, inputs, dy, needs }) => {
  const [x, w] = inputs as [Value, Value];
  const { transA, transB } = node.attrs;
  const shared = w.shape.length === 2 && x.shape.length > 2 && !transA;
  const dx = () => (transA ? b.matmul(w, dy, { transA: transB, transB: true }) : b.matmul(dy, w, { transB: !transB }));
  const dw = () => {
    const [left, right] = shared ? [flatten(b, x), flatten(b, dy)] : [x, dy];
    if (transB) return b.matmul(right, left, { transA: true, transB: transA });
    return b.matmul(left, right, { transA: !transA });
  };
  return [needs[0] ? sumToShape(b, dx(), x.shape) : undefined, needs[1] ? sumToShape(b, dw(), w.shape) : undefined];
};

function flatten(b: GraphBuilder, x: Value): Value {
  const rows = reducedCount(
    x.shape,
    x.shape.slice(0, -1).map((_, axis) => axis),
  );
  return b.reshape(x, [rows, x.shape.at(-1)!]);
}

export const GRADIENT: { readonly [K in OpName]: GradientRule<K> } = {
  // y = −x: dx = −dy
  neg: unary(({ b, dy }) => b.neg(dy)),
  // y = eˣ: dx = y dy
  exp: unary(({ b, y, dy }) => b.mul(dy, y)),
  // y = ln x: dx = dy / x
  log: unary(({ b, x, dy }) => b.div(dy, x)),
  // y = √x: dx = dy / 2y
  sqrt: unary(({ b, y, dy }) => b.div(dy, b.add(y, y))),
  // y = 1/x: dx = −y² dy
  reciprocal: unary(({ b, y, dy }) => b.neg(b.mul(dy, b.square(y)))),
  // y = σ(x): dx = y (1 − y) dy
  sigmoid: unary(({ b, y, dy }) => b.mul(dy, b.sub(y, b.square(y)))),
  // y = tanh x: dx = (1 − y²) dy
  tanh: unary(({ b, y, dy }) => b.sub(dy, b.mul(dy, b.square(y)))),
  // y = max(x, 0): dx = dy where x > 0
  relu: unary(({ b, y, dy }) => b.mul(dy, b.sign(y))),
  // y = erf x: dx = 2/√π e^{−x²} dy
  erf: unary(({ b, x, dy }) => b.mul(b.mul(dy, b.exp(b.neg(b.square(x)))), 2 / Math.sqrt(Math.PI))),
  // y = |x|: dx = sign(x) dy
  abs: unary(({ b, x, dy }) => b.mul(dy, b.sign(x))),
  sign: none,
  // Rounding is piecewise constant, so its gradient is zero.
  cast: ({ b, inputs: [x], y, dy }) => [isFloat(x!) && isFloat(y) ? b.cast(dy, x!.dtype) : undefined],
  detach: none,
  add: binary(
    ({ dy }) => dy,
    ({ dy }) => dy,
  ),
  sub: binary(
    ({ dy }) => dy,
    ({ b, dy }) => b.neg(dy),
  ),
  mul: binary(
    ({ b, inputs, dy }) => b.mul(dy, inputs[1]!),
    ({ b, inputs, dy }) => b.mul(dy, inputs[0]!),
  ),
  // z = x/y: dx = dz / y, dy = −z dz / y
  div: binary(
    ({ b, inputs, dy }) => b.div(dy, inputs[1]!),
    ({ b, inputs, y, dy }) => b.neg(b.div(b.mul(dy, y), inputs[1]!)),
  ),
  max: binary(
    ({ b, inputs, dy }) => b.mul(dy, share(b, inputs[0]!, inputs[1]!)),
    ({ b, inputs, dy }) => b.mul(dy, share(b, inputs[1]!, inputs[0]!)),
  ),
  min: binary(
    ({ b, inputs, dy }) => b.mul(dy, share(b, inputs[1]!, inputs[0]!)),
    ({ b, inputs, dy }) => b.mul(dy, share(b, inputs[0]!, inputs[1]!)),
  ),
  equal: none,
  greater: none,
  where: ({ b, inputs: [condition, x, y], dy, needs }) => {
    return [
      undefined,
      needs[1] ? sumToShape(b, b.where(condition!, dy, 0), x!.shape) : undefined,
      needs[2] ? sumToShape(b, b.where(condition!, 0, dy), y!.shape) : undefined,
    ];
  },
  matmul,
  // A 4-bit matrix is always frozen: y = x B, dx = dy Bᵀ.
  matmulNf4: ({ b, node, inputs: [, ...matrix], dy }) => {
    const dx = b.matmulNf4(dy, matrix, { ...node.attrs, transB: !node.attrs.transB });
    return [dx, ...matrix.map(() => undefined)];
  },
  reduceSum: ({ b, node, inputs: [x], dy }) => [b.expand(restoreAxes(b, dy, x!.shape, node.attrs.axes), x!.shape)],
  reduceMean: ({ b, node, inputs: [x], dy }) => {
    const { axes } = node.attrs;
    const share = b.mul(restoreAxes(b, dy, x!.shape, axes), 1 / reducedCount(x!.shape, axes));
    return [b.expand(share, x!.shape)];
  },
  // Elements that attain the maximum share the gradient evenly.
  reduceMax: ({ b, node, inputs: [x], y, dy }) => {
    const { axes } = node.attrs;
    const attained = b.cast(b.equal(x!, restoreAxes(b, y, x!.shape, axes)), x!.dtype);
    const weight = b.div(attained, b.reduceSum(attained, axes, true));
    return [b.mul(weight, restoreAxes(b, dy, x!.shape, axes))];
  },
  // y = softmax x: dx = y ⊙ (dy − Σ y dy)
  softmax: unary(({ b, y, dy }) => {
    const weighted = b.mul(y, dy);
    return b.sub(weighted, b.mul(y, b.reduceSum(weighted, [-1], true)));
  }),
  // y = log softmax x: dx = dy − e^y Σ dy
  logSoftmax: unary(({ b, y, dy }) => b.sub(dy, b.mul(b.exp(y), b.reduceSum(dy, [-1], true)))),
  reshape: unary(({ b, x, dy }) => b.reshape(dy, x.shape)),
  transpose: ({ b, node, dy }) => {
    const inverse = node.attrs.perm.map((_, axis) => node.attrs.perm.indexOf(axis));
    return [b.transpose(dy, inverse)];
  },
  expand: unary(({ b, x, dy }) => sumToShape(b, dy, x.shape)),
  concat: ({ b, node, inputs, dy, needs }) => {
    const { axis } = node.attrs;
    let start = 0;
    return inputs.map((input, i) => {
      const end = start + (input.shape[axis] as number);
      const part = needs[i] ? b.slice(dy, axis, start, end) : undefined;
      start = end;
      return part;
    });
  },
  slice: ({ b, node, inputs: [x], dy }) => {
    const { axis, start, end } = node.attrs;
    const size = x!.shape[axis] as number;
    const first = start < 0 ? size + start : start;
    return [b.pad(dy, axis, first, size - (end ?? size))];
  },
  pad: ({ b, node, inputs: [x], dy }) => {
    const { axis, before } = node.attrs;
    return [b.slice(dy, axis, before, before + (x!.shape[axis] as number))];
  },
  gather: ({ b, inputs: [table, indices], dy, needs }) => {
    if (!needs[0]) return [undefined, undefined];
    const [rows, ...row] = table!.shape as number[];
    const width = row.reduce((product, dim) => product * dim, 1);
    const sums = b.scatterAddRows(indices!, reshapeTo(b, dy, [...indices!.shape, width]), rows!);
    return [reshapeTo(b, sums, table!.shape), undefined];
  },
  scatterAddRows: ({ b, inputs: [indices], dy, needs }) => [undefined, needs[1] ? b.gather(dy, indices!) : undefined],
  gatherElements: ({ b, inputs: [x, indices], dy, needs }) => [
    needs[0] ? b.scatterAddElements(indices!, dy, x!.shape.at(-1) as number) : undefined,
    undefined,
  ],
  scatterAddElements: ({ b, inputs: [indices], dy, needs }) => [
    undefined,
    needs[1] ? b.gatherElements(dy, indices!) : undefined,
  ],
  // x̂ = x/ρ with ρ = √(mean(x²) + ε), y = w ⊙ x̂: dx = (w dy − x̂ mean(w dy ⊙ x̂)) / ρ, dw = Σ dy ⊙ x̂
  rmsNorm: ({ b, node, inputs, dy, needs }) => {
    const [x, weight] = inputs as [Value, Value];
    const meanSquare = b.reduceMean(b.square(x), [-1], true);
    const inverse = b.reciprocal(b.sqrt(b.add(meanSquare, node.attrs.epsilon)));
    const normalised = b.mul(x, inverse);
    const scaled = b.mul(dy, weight);
    const dx = () =>
      b.mul(b.sub(scaled, b.mul(normalised, b.reduceMean(b.mul(scaled, normalised), [-1], true))), inverse);
    return [needs[0] ? dx() : undefined, needs[1] ? sumToShape(b, b.mul(dy, normalised), weight.shape) : undefined];
  },
  // A rotation's adjoint is the rotation by the opposite angle.
  rope: ({ b, inputs: [, positions, cos, sin], dy }) => [
    b.rope(dy, positions!, { cos: cos!, sin: b.neg(sin!) }),
    undefined,
    undefined,
    undefined,
  ],
  // It updates a cache in place and is for decoding only; training graphs write attention out in basic ops.
  groupQueryAttention: noGradient("groupQueryAttention"),
};
