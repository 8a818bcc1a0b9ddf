import { TrimtabError } from "../errors.ts";
import { DYNAMIC_BLOCK } from "../formats/dynamic-quantisation.ts";
import { NF4_BLOCK } from "../formats/nf4.ts";
import type { DType } from "../tensor.ts";
import { type Dim, formatShape, formatType, type Shape, sameShape, type ValueType } from "./value-type.ts";

/**
 * The ops of the graph, a closed union, and for each op the rule that infers its output types.
 *
 * Every pass over a graph (ONNX encoding, gradients, each interpreter) is a table total over `OpName`, so after adding an op
 * here the compiler lists the places that lack it. The file is long because it is such a table, with the attributes, arity and
 * shape rule of each op.
 *
 * Shape legend: B batch, T tokens, H query heads, K key/value heads, P head width, C cache capacity, V vocabulary,
 * D width, … any leading dimensions.
 */
type None = Readonly<Record<never, never>>;
interface Reduction {
  /** Non-negative, ascending. */
  readonly axes: readonly number[];
  readonly keepdims: boolean;
}

export interface OpAttrs {
  // Elementwise, one input.
  neg: None;
  exp: None;
  log: None;
  sqrt: None;
  reciprocal: None;
  sigmoid: None;
  tanh: None;
  relu: None;
  erf: None;
  abs: None;
  sign: None;
  cast: { readonly to: DType };
  /** The value itself, but a constant for the gradient: nothing is trained through it. */
  detach: None;
  // Elementwise with broadcasting.
  add: None;
  sub: None;
  mul: None;
  div: None;
  max: None;
  min: None;
  equal: None;
  greater: None;
  /** (condition, x, y) → x where the condition holds, else y. */
  where: None;
  // Linear algebra: [..., M, K] · [..., K, N]; a transposed operand is stored [..., K, M] or [..., N, K].
  matmul: { readonly transA: boolean; readonly transB: boolean };
  /**
   * (x, packed [⌈rows·columns / 2⌉] u8, absmax [S]) → x times the matrix [rows, columns], which is stored flattened in S =
   * ⌈rows·columns / 64⌉ NF4 blocks (formats/nf4.ts): [..., rows] → [..., columns], transposed [..., columns] → [..., rows].
   * With double quantisation (formats/double-quantisation.ts), (codes [G, 256] u8, scales [G, 1], offset []) with G = ⌈S / 256⌉
   * replace absmax; zeros pad the last row of the codes.
   */
  matmulNf4: { readonly rows: number; readonly columns: number; readonly transB: boolean };
  // Reductions.
  reduceSum: Reduction;
  reduceMean: Reduction;
  reduceMax: Reduction;
  /** Over the last axis, like logSoftmax. */
  softmax: None;
  logSoftmax: None;
  // Shape.
  reshape: { readonly shape: Shape };
  transpose: { readonly perm: readonly number[] };
  expand: { readonly shape: Shape };
  concat: { readonly axis: number };
  /** Elements start … end−1 of one axis; a negative start counts from the end; end null means to the end. */
  slice: { readonly axis: number; readonly start: number; readonly end: number | null };
  /** Zeros before and after along one axis. */
  pad: { readonly axis: number; readonly before: number; readonly after: number };
  // Indexing.
  /** (table [V, ...], indices [...]) → table rows. */
  gather: None;
  /** (indices [...], updates [..., D]) → [rows, D]; updates with the same index are summed. The adjoint of gather. */
  scatterAddRows: { readonly rows: number };
  /** (x [..., V], indices [..., n]) → [..., n], picked along the last axis. */
  gatherElements: None;
  /** (indices [..., n], updates [..., n]) → [..., depth], summed. The adjoint of gatherElements. */
  scatterAddElements: { readonly depth: number };
  // Fused model ops.
  /** (x [..., D], weight [D]) → x / sqrt(mean(x²) + ε) ⊙ weight. Zhang & Sennrich 2019. */
  rmsNorm: { readonly epsilon: number };
  /** (x [B, H, T, P], positions [B, T] i64, cos [C, P/2], sin [C, P/2]) → x rotated by halves. Su et al. 2021. */
  rope: None;
  /**
   * (query [B, T, H·P], key [B, T, K·P], value [B, T, K·P], past key [B, K, C, P], past value, last index per row [B] i32,
   * longest total length [] i32, cos [C, P/2], sin [C, P/2]) → (y [B, T, H·P], present key, present value).
   * Applies rotary embeddings to query and key, appends to the cache in place and attends causally. If T > 1, B must be 1 or
   * the past must be empty.
   *
   * Two optional inputs, positions [B, T] i64 and bias [1, 1, T, S] where S is the longest total length, allow tokens whose
   * positions differ from their order in the cache: query and key are rotated to the given positions, and the bias is added to
   * the scores of the cache's first S entries. Causality still follows the order in the cache.
   */
  groupQueryAttention: { readonly heads: number; readonly kvHeads: number };
}

export type OpName = keyof OpAttrs;

type InferRule<K extends OpName> = (inputs: readonly ValueType[], attrs: OpAttrs[K]) => ValueType[];

function fail(message: string, data: Record<string, unknown> = {}): never {
  throw new TrimtabError("invalid_graph", message, { data });
}

/** The common shape of `shapes` under NumPy's broadcasting rules. Throws `invalid_graph` if they do not broadcast. */
export function broadcast(...shapes: readonly Shape[]): Dim[] {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    let result: Dim = 1;
    for (const shape of shapes) {
      const dim = shape[axis - rank + shape.length] ?? 1;
      if (dim === 1 || dim === result) continue;
      if (result !== 1) fail(`cannot broadcast ${shapes.map(formatShape).join(" with ")}`);
      result = dim;
    }
    return result;
  });
}

/** The product of a shape's dimensions in canonical form: the product of the numbers, then the names in order. */
function volume(shape: Shape): string {
  const numbers = shape.filter((dim) => typeof dim === "number");
  const names = shape.filter((dim) => typeof dim === "string");
  return [numbers.reduce((product, dim) => product * dim, 1), ...names.sort()].join("·");
}

const FLOATS: readonly DType[] = ["f32", "f64"];
const NUMBERS: readonly DType[] = ["f32", "f64", "i32", "i64"];

function expectType(type: ValueType, dtypes: readonly DType[], what: string): void {
  if (!dtypes.includes(type.dtype)) fail(`${what} must be ${dtypes.join(" or ")}, got ${formatType(type)}`);
}

const unary =
  (dtypes: readonly DType[]) =>
  ([x]: readonly ValueType[]): ValueType[] => {
    expectType(x!, dtypes, "the operand");
    return [{ dtype: x!.dtype, shape: x!.shape }];
  };

function sameDtypes(...types: readonly ValueType[]): DType {
  const [first, ...rest] = types;
  for (const type of rest) {
    if (type.dtype !== first!.dtype) fail(`operands differ in type: ${types.map(formatType).join(" and ")}`);
  }
  return first!.dtype;
}

const binary =
  (dtypes: readonly DType[], result?: DType) =>
  ([x, y]: readonly ValueType[]): ValueType[] => {
    const dtype = sameDtypes(x!, y!);
    expectType(x!, dtypes, "operands");
    return [{ dtype: result ?? dtype, shape: broadcast(x!.shape, y!.shape) }];
  };

const reduction =
  (dtypes: readonly DType[]) =>
  ([x]: readonly ValueType[], { axes, keepdims }: Reduction): ValueType[] => {
    expectType(x!, dtypes, "the operand");
    const rank = x!.shape.length;
    if (axes.some((axis, i) => axis < 0 || axis >= rank || (i > 0 && axis <= axes[i - 1]!))) {
      fail(`axes [${axes.join(", ")}] must be ascending and below the rank of ${formatType(x!)}`);
    }
    const shape = x!.shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim));
    return [{ dtype: x!.dtype, shape: keepdims ? shape : shape.filter((_, axis) => !axes.includes(axis)) }];
  };

const float = unary(FLOATS);

const alongLastAxis = ([x]: readonly ValueType[]): ValueType[] => {
  if (x!.shape.length === 0) fail(`needs a last axis, got ${formatType(x!)}`);
  return float([x!]);
};

function expectIndices(type: ValueType): void {
  expectType(type, ["i64", "i32"], "indices");
}

/** Requires sizes that are known when the graph is built. */
function expectNumbers(shape: Shape, what: string): void {
  const named = shape.find((dim) => typeof dim === "string");
  if (named !== undefined) fail(`${what} must be known: ${named} is not`);
}

function expectRank(type: ValueType, rank: number, what: string): void {
  if (type.shape.length !== rank) fail(`${what} must have rank ${rank}, got ${formatType(type)}`);
}

function expectShape(type: ValueType, shape: Shape, what: string): void {
  if (!sameShape(type.shape, shape)) fail(`${what} must be ${formatShape(shape)}, got ${formatType(type)}`);
}

/** How many inputs each op takes; concat takes one or more, matmulNf4 three or five, groupQueryAttention nine or eleven. */
export const ARITY: { readonly [K in OpName]: number | "variadic" } = {
  neg: 1,
  exp: 1,
  log: 1,
  sqrt: 1,
  reciprocal: 1,
  sigmoid: 1,
  tanh: 1,
  relu: 1,
  erf: 1,
  abs: 1,
  sign: 1,
  cast: 1,
  detach: 1,
  add: 2,
  sub: 2,
  mul: 2,
  div: 2,
  max: 2,
  min: 2,
  equal: 2,
  greater: 2,
  where: 3,
  matmul: 2,
  matmulNf4: "variadic",
  reduceSum: 1,
  reduceMean: 1,
  reduceMax: 1,
  softmax: 1,
  logSoftmax: 1,
  reshape: 1,
  transpose: 1,
  expand: 1,
  concat: "variadic",
  slice: 1,
  pad: 1,
  gather: 2,
  scatterAddRows: 2,
  gatherElements: 2,
  scatterAddElements: 2,
  rmsNorm: 2,
  rope: 4,
  groupQueryAttention: "variadic",
};

export const INFER: { readonly [K in OpName]: InferRule<K> } = {
  neg: unary(NUMBERS),
  exp: float,
  log: float,
  sqrt: float,
  reciprocal: float,
  sigmoid: float,
  tanh: float,
  relu: float,
  erf: float,
  abs: float,
  sign: float,
  cast: ([x], { to }) => [{ dtype: to, shape: x!.shape }],
  detach: unary(NUMBERS),
  add: binary(NUMBERS),
  sub: binary(NUMBERS),
  mul: binary(NUMBERS),
  // Integers are excluded, because runtimes round their quotients differently.
  div: binary(FLOATS),
  max: binary(NUMBERS),
  min: binary(NUMBERS),
  equal: binary([...NUMBERS, "bool"], "bool"),
  greater: binary(NUMBERS, "bool"),
  where: ([condition, x, y]) => {
    expectType(condition!, ["bool"], "the condition");
    return [{ dtype: sameDtypes(x!, y!), shape: broadcast(condition!.shape, x!.shape, y!.shape) }];
  },
  matmul: ([a, b], { transA, transB }) => {
    if (a!.shape.length < 2 || b!.shape.length < 2) {
      fail(`operands need rank 2 or more, got ${formatType(a!)} and ${formatType(b!)}`);
    }
    const [rows, innerA] = transA ? [a!.shape.at(-1)!, a!.shape.at(-2)!] : [a!.shape.at(-2)!, a!.shape.at(-1)!];
    const [innerB, columns] = transB ? [b!.shape.at(-1)!, b!.shape.at(-2)!] : [b!.shape.at(-2)!, b!.shape.at(-1)!];
    if (innerA !== innerB) {
      fail(`inner dimensions differ: ${formatType(a!)}${transA ? "ᵀ" : ""} · ${formatType(b!)}${transB ? "ᵀ" : ""}`);
    }
    expectType(a!, FLOATS, "operands");
    const batch = broadcast(a!.shape.slice(0, -2), b!.shape.slice(0, -2));
    return [{ dtype: sameDtypes(a!, b!), shape: [...batch, rows, columns] }];
  },
  matmulNf4: ([x, packed, ...scales], { rows, columns, transB }) => {
    const [inner, outer] = transB ? [columns, rows] : [rows, columns];
    const blocks = Math.ceil((rows * columns) / NF4_BLOCK);
    const groups = Math.ceil(blocks / DYNAMIC_BLOCK);
    const [first, nested, offset] = scales;
    if (scales.length !== 1 && scales.length !== 3) fail(`takes x, the packed matrix and 1 or 3 tensors of scales`);
    expectType(x!, FLOATS, "x");
    expectType(packed!, ["u8"], "the packed matrix");
    expectShape(packed!, [Math.ceil((rows * columns) / 2)], "the packed matrix");
    if (scales.length === 1) expectShape(first!, [blocks], "the scales");
    else {
      expectType(first!, ["u8"], "the codes of scales");
      expectShape(first!, [groups, DYNAMIC_BLOCK], "the codes of scales");
      expectShape(nested!, [groups, 1], "the scales of scales");
      expectShape(offset!, [], "the offset of scales");
    }
    if (x!.shape.length < 2 || x!.shape.at(-1) !== inner) {
      fail(`x must be [..., ${inner}] for the matrix [${rows}, ${columns}]${transB ? "ᵀ" : ""}, got ${formatType(x!)}`);
    }
    return [
      {
        dtype: sameDtypes(x!, ...scales.slice(-2).filter(({ dtype }) => dtype !== "u8")),
        shape: x!.shape.with(-1, outer),
      },
    ];
  },
  reduceSum: reduction(NUMBERS),
  reduceMean: reduction(FLOATS),
  reduceMax: reduction(NUMBERS),
  softmax: alongLastAxis,
  logSoftmax: alongLastAxis,
  reshape: ([x], { shape }) => {
    if (volume(x!.shape) !== volume(shape)) fail(`cannot reshape ${formatType(x!)} to ${formatShape(shape)}`);
    return [{ dtype: x!.dtype, shape }];
  },
  transpose: ([x], { perm }) => {
    const sorted = [...perm].sort((a, b) => a - b);
    if (perm.length !== x!.shape.length || sorted.some((axis, i) => axis !== i)) {
      fail(`[${perm.join(", ")}] is not a permutation of the axes of ${formatType(x!)}`);
    }
    return [{ dtype: x!.dtype, shape: perm.map((axis) => x!.shape[axis]!) }];
  },
  expand: ([x], { shape }) => {
    // A named dimension must already be in the input: the repeat count is not known until the graph runs.
    const lead = shape.length - x!.shape.length;
    const made = shape.some((dim, axis) => typeof dim === "string" && x!.shape[axis - lead] !== dim);
    if (made || !sameShape(broadcast(x!.shape, shape), shape)) {
      fail(`cannot expand ${formatType(x!)} to ${formatShape(shape)}`);
    }
    return [{ dtype: x!.dtype, shape }];
  },
  concat: (inputs, { axis }) => {
    const first = inputs[0] ?? fail("needs at least one input");
    let total = 0;
    for (const { shape } of inputs) {
      const dim = shape[axis];
      const others = shape.every((other, i) => i === axis || other === first.shape[i]);
      if (typeof dim !== "number" || shape.length !== first.shape.length || !others) {
        fail(`cannot concatenate ${inputs.map(formatType).join(", ")} along axis ${axis}`);
      }
      total += dim;
    }
    return [{ dtype: sameDtypes(...inputs), shape: first.shape.with(axis, total) }];
  },
  slice: ([x], { axis, start, end }) => {
    const dim = x!.shape[axis] ?? fail(`axis ${axis} is outside ${formatType(x!)}`);
    if (start < 0 && end === null && (typeof dim === "string" || -start <= dim)) {
      return [{ dtype: x!.dtype, shape: x!.shape.with(axis, -start) }];
    }
    if (typeof dim === "string") fail(`axis ${axis} of ${formatType(x!)} has no known size: slice it from its end`);
    const stop = end ?? dim;
    if (start < 0 || stop > dim || start >= stop)
      fail(`slice ${start}:${stop} is outside axis ${axis} of ${formatType(x!)}`);
    return [{ dtype: x!.dtype, shape: x!.shape.with(axis, stop - start) }];
  },
  pad: ([x], { axis, before, after }) => {
    const dim = x!.shape[axis];
    expectType(x!, NUMBERS, "the operand");
    if (typeof dim !== "number") fail(`axis ${axis} of ${formatType(x!)} cannot be padded: its size is not known`);
    if (before < 0 || after < 0) fail(`cannot pad by ${before} and ${after}: use slice to remove elements`);
    return [{ dtype: x!.dtype, shape: x!.shape.with(axis, before + dim + after) }];
  },
  gather: ([table, indices]) => {
    expectIndices(indices!);
    if (table!.shape.length === 0) fail(`the table needs rows, got ${formatType(table!)}`);
    return [{ dtype: table!.dtype, shape: [...indices!.shape, ...table!.shape.slice(1)] }];
  },
  scatterAddRows: ([indices, updates], { rows }) => {
    expectIndices(indices!);
    const width = updates!.shape.at(-1) ?? fail(`updates need a last axis, got ${formatType(updates!)}`);
    expectType(updates!, FLOATS, "updates");
    expectShape(updates!, [...indices!.shape, width], "updates");
    expectNumbers([width], "the width of updates");
    return [{ dtype: updates!.dtype, shape: [rows, width] }];
  },
  gatherElements: ([x, indices]) => {
    expectIndices(indices!);
    expectRank(indices!, Math.max(1, x!.shape.length), "indices");
    expectShape(indices!, [...x!.shape.slice(0, -1), indices!.shape.at(-1)!], "indices");
    return [{ dtype: x!.dtype, shape: indices!.shape }];
  },
  scatterAddElements: ([indices, updates], { depth }) => {
    expectIndices(indices!);
    if (indices!.shape.length === 0) fail(`indices need a last axis, got ${formatType(indices!)}`);
    expectType(updates!, FLOATS, "updates");
    expectShape(updates!, indices!.shape, "updates");
    expectNumbers(indices!.shape.slice(0, -1), "the leading dimensions");
    return [{ dtype: updates!.dtype, shape: [...indices!.shape.slice(0, -1), depth] }];
  },
  rmsNorm: ([x, weight]) => {
    expectType(x!, FLOATS, "x");
    expectShape(weight!, x!.shape.slice(-1), "the weight");
    return [{ dtype: sameDtypes(x!, weight!), shape: x!.shape }];
  },
  rope: ([x, positions, cos, sin]) => {
    expectType(x!, FLOATS, "x");
    expectRank(x!, 4, "x");
    expectType(positions!, ["i64"], "positions");
    expectShape(positions!, [x!.shape[0]!, x!.shape[2]!], "positions");
    expectRank(cos!, 2, "the cosine table");
    expectShape(sin!, cos!.shape, "the sine table");
    if (cos!.shape[1] !== (x!.shape[3] as number) / 2) {
      fail(`the tables must be half as wide as a head: ${formatType(cos!)} for ${formatType(x!)}`);
    }
    return [{ dtype: sameDtypes(x!, cos!, sin!), shape: x!.shape }];
  },
  groupQueryAttention: (inputs, { heads, kvHeads }) => {
    const [query, key, value, pastKey, pastValue, lastIndex, longest, cos, sin, positions, bias] = inputs;
    if (inputs.length !== 9 && inputs.length !== 11) fail(`takes 9 inputs, or 11 with positions and bias`);
    for (const type of [query!, key!, value!, pastKey!, pastValue!, cos!, sin!]) expectType(type, ["f32"], "floats");
    expectRank(query!, 3, "the query");
    expectRank(key!, 3, "the key");
    expectShape(value!, key!.shape, "the value");
    expectRank(pastKey!, 4, "the past key");
    expectShape(pastValue!, pastKey!.shape, "the past value");
    expectType(lastIndex!, ["i32"], "the last indices");
    expectShape(lastIndex!, query!.shape.slice(0, 1), "the last indices");
    expectType(longest!, ["i32"], "the longest length");
    expectShape(longest!, [], "the longest length");
    const width = pastKey!.shape[3] as number;
    if (query!.shape[2] !== heads * width || key!.shape[2] !== kvHeads * width || pastKey!.shape[1] !== kvHeads) {
      fail(
        `${heads} and ${kvHeads} heads of width ${width} do not match ${formatType(query!)} and ${formatType(key!)}`,
      );
    }
    const [rows, tokens] = query!.shape;
    if (positions !== undefined) {
      expectType(positions, ["i64"], "positions");
      expectShape(positions, [rows!, tokens!], "positions");
      expectType(bias!, ["f32"], "the bias");
      expectRank(bias!, 4, "the bias");
      expectShape(bias!, [1, 1, tokens!, bias!.shape[3]!], "the bias");
    }
    if (key!.shape[0] !== rows || key!.shape[1] !== tokens || pastKey!.shape[0] !== rows) {
      fail(`rows and tokens differ: ${[query!, key!, pastKey!].map(formatType).join(", ")}`);
    }
    return [
      { dtype: query!.dtype, shape: query!.shape },
      { dtype: pastKey!.dtype, shape: pastKey!.shape },
      { dtype: pastValue!.dtype, shape: pastValue!.shape },
    ];
  },
};

/** The output types of an op. Throws `invalid_graph`, naming the op, if the inputs do not match. */
export function inferTypes<K extends OpName>(op: K, inputs: readonly ValueType[], attrs: OpAttrs[K]): ValueType[] {
  const arity = ARITY[op];
  if (arity !== "variadic" && inputs.length !== arity) {
    fail(`${op} takes ${arity} inputs, got ${inputs.length}`, { op });
  }
  try {
    return (INFER[op] as InferRule<K>)(inputs, attrs);
  } catch (error) {
    if (error instanceof TrimtabError) fail(`${op}: ${error.message}`, { op, inputs: inputs.map(formatType) });
    throw error;
  }
}
