import { TrimtabError } from "../errors.ts";
import { type DType, scalar, type Tensor } from "../tensor.ts";
import type { Graph, Named, Node, Value } from "./graph.ts";
import { inferTypes, type OpAttrs, type OpName } from "./ops.ts";
import type { Shape } from "./value-type.ts";

type Operand = Value | number;
const NONE = {} as const;

/** Nodes whose values are computed again for the gradient. */
export interface Recomputed {
  readonly nodes: readonly Node[];
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
}

/**
 * Builds a graph node by node. Every method infers and checks its result's type immediately, so that mistakes are reported
 * where they are made. A number operand is a scalar of the other operand's type (f32 if both are numbers). Methods mutate the
 * builder but never the values it has returned.
 */
export class GraphBuilder {
  readonly #name: string;
  readonly #inputs: Named[] = [];
  readonly #constants = new Map<Value, Tensor>();
  readonly #scalars = new Map<string, Value>();
  readonly #nodes: Node[] = [];
  readonly #recomputed: Recomputed[] = [];
  #nextId = 0;

  constructor(name: string) {
    this.#name = name;
  }

  input(name: string, dtype: DType, shape: Shape): Value {
    if (this.#inputs.some((input) => input.name === name)) {
      throw new TrimtabError("invalid_graph", `the graph ${this.#name} already has an input named ${name}`);
    }
    const value = this.#value(dtype, shape);
    this.#inputs.push({ name, value });
    return value;
  }

  constant(data: Tensor): Value {
    const value = this.#value(data.dtype, data.shape);
    this.#constants.set(value, data);
    return value;
  }

  /** A constant of shape [] with the value `number`; equal arguments give the same constant. */
  scalar(number: number, dtype: DType = "f32"): Value {
    const key = `${dtype} ${number}`;
    const known = this.#scalars.get(key);
    if (known !== undefined) return known;
    const value = this.constant(scalar(dtype, number));
    this.#scalars.set(key, value);
    return value;
  }

  /** Appends any op; the methods below are typed shorthands. */
  emit<K extends OpName>(op: K, inputs: readonly Value[], attrs: OpAttrs[K]): Value[] {
    const outputs = inferTypes(op, inputs, attrs).map(({ dtype, shape }) => this.#value(dtype, shape));
    this.#nodes.push({ op, attrs, inputs, outputs } as unknown as Node);
    return outputs;
  }

  /** The nodes so far, in order; reverse-mode differentiation walks them backwards. */
  get nodes(): readonly Node[] {
    return this.#nodes;
  }

  /**
   * The values that `make` makes of `inputs`. Their gradient computes its nodes a second time, so nothing between has to be kept
   * until then. They must not be nested.
   */
  recomputed(inputs: readonly Value[], make: (inputs: readonly Value[]) => readonly Value[]): readonly Value[] {
    const first = this.#nodes.length;
    const outputs = make(inputs);
    this.#recomputed.push({ nodes: this.#nodes.slice(first), inputs, outputs });
    return outputs;
  }

  /** What `recomputed` has made so far, in order. */
  get recomputations(): readonly Recomputed[] {
    return this.#recomputed;
  }

  /** The graph that computes `outputs`, without unneeded nodes. Keeps all inputs, even unused ones. */
  build(outputs: Readonly<Record<string, Value>>): Graph {
    const needed = new Set<Value>(Object.values(outputs));
    const nodes: Node[] = [];
    for (const node of this.#nodes.toReversed()) {
      if (!node.outputs.some((output) => needed.has(output))) continue;
      for (const input of node.inputs) needed.add(input);
      nodes.push(node);
    }
    return {
      name: this.#name,
      inputs: this.#inputs,
      constants: new Map([...this.#constants].filter(([value]) => needed.has(value))),
      nodes: nodes.reverse(),
      outputs: Object.entries(outputs).map(([name, value]) => ({ name, value })),
    };
  }

  neg = (x: Value) => this.#one("neg", [x], NONE);
  exp = (x: Value) => this.#one("exp", [x], NONE);
  log = (x: Value) => this.#one("log", [x], NONE);
  sqrt = (x: Value) => this.#one("sqrt", [x], NONE);
  reciprocal = (x: Value) => this.#one("reciprocal", [x], NONE);
  sigmoid = (x: Value) => this.#one("sigmoid", [x], NONE);
  tanh = (x: Value) => this.#one("tanh", [x], NONE);
  relu = (x: Value) => this.#one("relu", [x], NONE);
  erf = (x: Value) => this.#one("erf", [x], NONE);
  abs = (x: Value) => this.#one("abs", [x], NONE);
  sign = (x: Value) => this.#one("sign", [x], NONE);
  cast = (x: Value, to: DType) => (x.dtype === to ? x : this.#one("cast", [x], { to }));
  detach = (x: Value) => this.#one("detach", [x], NONE);
  silu = (x: Value) => this.mul(x, this.sigmoid(x));
  square = (x: Value) => this.mul(x, x);
  /** The first number of a tensor, as a scalar. */
  firstElement = (x: Value) =>
    this.reshape(
      x.shape.reduce<Value>((part, _, axis) => this.slice(part, axis, 0, 1), x),
      [],
    );

  add = (x: Operand, y: Operand) => this.#one("add", this.#operands(x, y), NONE);
  sub = (x: Operand, y: Operand) => this.#one("sub", this.#operands(x, y), NONE);
  mul = (x: Operand, y: Operand) => this.#one("mul", this.#operands(x, y), NONE);
  div = (x: Operand, y: Operand) => this.#one("div", this.#operands(x, y), NONE);
  max = (x: Operand, y: Operand) => this.#one("max", this.#operands(x, y), NONE);
  min = (x: Operand, y: Operand) => this.#one("min", this.#operands(x, y), NONE);
  equal = (x: Operand, y: Operand) => this.#one("equal", this.#operands(x, y), NONE);
  greater = (x: Operand, y: Operand) => this.#one("greater", this.#operands(x, y), NONE);
  where = (condition: Value, x: Operand, y: Operand) => this.#one("where", [condition, ...this.#operands(x, y)], NONE);

  matmul = (a: Value, b: Value, { transA = false, transB = false } = {}) =>
    this.#one("matmul", [a, b], { transA, transB });
  /** `matrix`: the packed bytes, then their absmax or the tensors that encode it. */
  matmulNf4 = (x: Value, matrix: readonly Value[], attrs: OpAttrs["matmulNf4"]) =>
    this.#one("matmulNf4", [x, ...matrix], attrs);
  reduceSum = (x: Value, axes: readonly number[], keepdims = false) =>
    this.#one("reduceSum", [x], { axes: sortedAxes(x, axes), keepdims });
  reduceMean = (x: Value, axes: readonly number[], keepdims = false) =>
    this.#one("reduceMean", [x], { axes: sortedAxes(x, axes), keepdims });
  reduceMax = (x: Value, axes: readonly number[], keepdims = false) =>
    this.#one("reduceMax", [x], { axes: sortedAxes(x, axes), keepdims });
  softmax = (x: Value) => this.#one("softmax", [x], NONE);
  logSoftmax = (x: Value) => this.#one("logSoftmax", [x], NONE);

  reshape = (x: Value, shape: Shape) => this.#one("reshape", [x], { shape });
  transpose = (x: Value, perm: readonly number[]) => this.#one("transpose", [x], { perm });
  expand = (x: Value, shape: Shape) => this.#one("expand", [x], { shape });
  concat = (inputs: readonly Value[], axis: number) => this.#one("concat", inputs, { axis });
  slice = (x: Value, axis: number, start: number, end: number | null = null) =>
    this.#one("slice", [x], { axis, start, end });
  pad = (x: Value, axis: number, before: number, after: number) => this.#one("pad", [x], { axis, before, after });

  gather = (table: Value, indices: Value) => this.#one("gather", [table, indices], NONE);
  scatterAddRows = (indices: Value, updates: Value, rows: number) =>
    this.#one("scatterAddRows", [indices, updates], { rows });
  gatherElements = (x: Value, indices: Value) => this.#one("gatherElements", [x, indices], NONE);
  scatterAddElements = (indices: Value, updates: Value, depth: number) =>
    this.#one("scatterAddElements", [indices, updates], { depth });
  rmsNorm = (x: Value, weight: Value, epsilon: number) => this.#one("rmsNorm", [x, weight], { epsilon });
  rope = (x: Value, positions: Value, tables: { cos: Value; sin: Value }) =>
    this.#one("rope", [x, positions, tables.cos, tables.sin], NONE);

  #one<K extends OpName>(op: K, inputs: readonly Value[], attrs: OpAttrs[K]): Value {
    return this.emit(op, inputs, attrs)[0]!;
  }

  #operands(x: Operand, y: Operand): [Value, Value] {
    const dtype = typeof x !== "number" ? x.dtype : typeof y !== "number" ? y.dtype : "f32";
    return [typeof x === "number" ? this.scalar(x, dtype) : x, typeof y === "number" ? this.scalar(y, dtype) : y];
  }

  #value(dtype: DType, shape: Shape): Value {
    return { id: this.#nextId++, dtype, shape };
  }
}

function sortedAxes(x: Value, axes: readonly number[]): number[] {
  return axes.map((axis) => (axis < 0 ? axis + x.shape.length : axis)).sort((a, b) => a - b);
}
