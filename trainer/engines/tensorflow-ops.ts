import * as tf from "@tensorflow/tfjs-core";
import { TrimtabError } from "../../shared/errors.ts";
import { DYNAMIC_MAP } from "../../shared/formats/dynamic-quantisation.ts";
import { NF4_BLOCK, NF4_LEVELS } from "../../shared/formats/nf4.ts";
import type { OpAttrs, OpName } from "../../shared/graph/ops.ts";
import type { DType } from "../../shared/tensor.ts";

/**
 * Every graph op in terms of tfjs-core functions, which run on the active tfjs backend.
 *
 * A rule creates new tensors and does not modify its inputs; the surrounding `tf.tidy` frees its temporaries. Rules use only
 * kernels that the CPU, WASM and TensorFlow backends share. Integers of all widths are int32 here.
 */
type Result = tf.Tensor | tf.Tensor[];
type OpRule<K extends OpName> = (context: OpContext<K>) => Result;

export interface OpContext<K extends OpName> {
  readonly inputs: readonly tf.Tensor[];
  readonly attrs: OpAttrs[K];
  /** The shape of the first output. */
  readonly shape: readonly number[];
}

export type TfType = "float32" | "int32" | "bool";

const TF_TYPE: Readonly<Record<Exclude<DType, "f64">, TfType>> = {
  f32: "float32",
  i32: "int32",
  i64: "int32",
  u8: "int32",
  bool: "bool",
};

/** The tfjs type for a graph type. Throws `invalid_graph` for f64, which tfjs lacks. */
export function tfType(dtype: DType): TfType {
  if (dtype === "f64") {
    throw new TrimtabError("invalid_graph", "TensorFlow.js has no 64-bit floats: cast to f32, or use onnxruntime");
  }
  return TF_TYPE[dtype];
}

const unary =
  (f: (x: tf.Tensor) => tf.Tensor): OpRule<OpName> =>
  ({ inputs: [x] }) =>
    f(x!);

const binary =
  (f: (x: tf.Tensor, y: tf.Tensor) => tf.Tensor): OpRule<OpName> =>
  ({ inputs: [x, y] }) =>
    f(x!, y!);

const reduction =
  (
    f: (x: tf.Tensor, axes: number[], keepdims: boolean) => tf.Tensor,
  ): OpRule<"reduceSum" | "reduceMean" | "reduceMax"> =>
  ({ inputs: [x], attrs: { axes, keepdims } }) =>
    axes.length === 0 ? x!.clone() : f(x!, [...axes], keepdims);

/** If the whole batch shares one matrix, this is one product over all rows; otherwise a batch of products. */
const matmul: OpRule<"matmul"> = ({ inputs: [a, b], attrs: { transA, transB }, shape }) => {
  if (b!.rank === 2 && a!.rank > 2 && !transA) {
    const rows = tf.reshape(a!, [-1, a!.shape.at(-1)!]);
    return tf.reshape(tf.matMul(rows, b!, false, transB), [...shape]);
  }
  const batch = shape.slice(0, -2);
  return tf.matMul(repeatBatch(a!, batch), repeatBatch(b!, batch), transA, transB);
};

/** Expands the matrix to float32 for the product: two levels per byte, times the scale of their block. */
const matmulNf4: OpRule<"matmulNf4"> = ({
  inputs: [x, packed, ...scales],
  attrs: { rows, columns, transB },
  shape,
}) => {
  const count = rows * columns;
  const size = Math.ceil(count / NF4_BLOCK);
  const [codes, nested, offset] = scales;
  const restore = () => tf.add(tf.mul(tf.gather(tf.tensor1d(DYNAMIC_MAP), codes!), nested!), offset!);
  const absmax = nested === undefined ? codes! : tf.slice(tf.reshape(restore(), [-1]), 0, size);
  const pairs = tf.tensor2d(LEVEL_PAIRS, [256, 2]);
  const levels = tf.slice(tf.reshape(tf.gather(pairs, packed!), [-1]), 0, count);
  const whole = tf.pad(levels, [[0, size * NF4_BLOCK - count]]);
  const blocks = tf.mul(tf.reshape(whole, [-1, NF4_BLOCK]), tf.reshape(absmax, [-1, 1]));
  const matrix = tf.reshape(tf.slice(tf.reshape(blocks, [-1]), 0, count), [rows, columns]);
  const flat = tf.reshape(x!, [-1, x!.shape.at(-1)!]);
  return tf.reshape(tf.matMul(flat, matrix, false, transB), [...shape]);
};

/** The two levels that each byte encodes. */
const LEVEL_PAIRS = Float32Array.from({ length: 512 }, (_, i) => NF4_LEVELS[i % 2 === 0 ? i >> 5 : (i >> 1) & 15]!);

/** tfjs' CPU and WASM kernels index batch i modulo the operand's batch size, which is wrong if an inner batch axis is 1. */
function repeatBatch(x: tf.Tensor, batch: readonly number[]): tf.Tensor {
  const shape = [...batch, ...x.shape.slice(-2)];
  const plain = x.rank === 2 || shape.slice(-x.rank).join() === x.shape.join();
  return plain ? x : tf.broadcastTo(x, shape);
}

/** The flat positions [count] of `indices` [..., n], which count along the last axis of size `depth`. */
function flatPlaces(indices: tf.Tensor, depth: number): tf.Tensor {
  const rows = tf.reshape(indices, [-1, indices.shape.at(-1)!]);
  const starts = tf.mul(tf.range(0, rows.shape[0]!, 1, "int32"), tf.scalar(depth, "int32"));
  return tf.reshape(tf.add(rows, tf.reshape(starts, [-1, 1])), [-1]);
}

/** x [B, H, T, P] with rotary embeddings (by halves) for `positions` [B, T]. */
function rotate(x: tf.Tensor, positions: tf.Tensor, [cos, sin]: readonly tf.Tensor[]): tf.Tensor {
  const [left, right] = tf.split(x, 2, 3) as [tf.Tensor, tf.Tensor];
  const [c, s] = [cos!, sin!].map((table) => tf.expandDims(tf.gather(table, positions), 1)) as [tf.Tensor, tf.Tensor];
  const turnedLeft = tf.sub(tf.mul(left, c), tf.mul(right, s));
  const turnedRight = tf.add(tf.mul(right, c), tf.mul(left, s));
  return tf.concat([turnedLeft, turnedRight], 3);
}

/** [B, T, H·P] → [B, H, T, P]. */
function splitHeads(x: tf.Tensor, heads: number): tf.Tensor {
  const [rows, tokens, width] = x.shape as [number, number, number];
  return tf.transpose(tf.reshape(x, [rows, tokens, heads, width / heads]), [0, 2, 1, 3]);
}

/** `past` [B, K, C, P] with `added` [B, K, T, P] at `positions` [B, T] of each row. */
export function placedAt(past: tf.Tensor, added: tf.Tensor, positions: tf.Tensor): tf.Tensor {
  const [rows, heads, capacity] = past.shape as [number, number, number, number];
  // The position that every new token fills, one-hot: [B, T, C].
  const places = tf.cast(tf.oneHot(tf.cast(positions, "int32"), capacity), "float32");
  const filled = tf.reshape(tf.greater(tf.sum(places, 1), tf.scalar(0)), [rows, 1, capacity, 1]);
  const spread = tf.tile(tf.expandDims(places, 1), [1, heads, 1, 1]);
  return tf.where(filled, tf.matMul(spread, added, true, false), past);
}

/** [1, 1, T, S] → [1, 1, group·T, C]: repeated for every query head of a group, and 0 after the first S places. */
function biasOfGroup(bias: tf.Tensor, group: number, capacity: number): tf.Tensor {
  const behind = capacity - bias.shape[3]!;
  const nothing = [0, 0] as [number, number];
  return tf.tile(tf.pad(bias, [nothing, nothing, nothing, [0, behind]]), [1, 1, group, 1]);
}

const groupQueryAttention: OpRule<"groupQueryAttention"> = ({ inputs, attrs: { heads, kvHeads }, shape }) => {
  const [query, key, value, pastKey, pastValue, lastIndex, , cos, sin, given, bias] = inputs as [
    tf.Tensor,
    ...tf.Tensor[],
  ];
  const [rows, , capacity, width] = pastKey!.shape as [number, number, number, number];
  const tokens = query.shape[1]!;
  const group = heads / kvHeads;

  // The cache slot of every new token [B, T].
  const firsts = tf.sub(tf.reshape(lastIndex!, [rows, 1]), tf.scalar(tokens - 1, "int32"));
  const places = tf.add(firsts, tf.reshape(tf.range(0, tokens, 1, "int32"), [1, tokens]));
  const turned = (x: tf.Tensor) => rotate(x, given ?? places, [cos!, sin!]);
  const presentKey = placedAt(pastKey!, turned(splitHeads(key!, kvHeads)), places);
  const presentValue = placedAt(pastValue!, splitHeads(value!, kvHeads), places);

  // The query heads of a group are adjacent, so they become extra rows against their shared cached head.
  const grouped = tf.reshape(turned(splitHeads(query, heads)), [rows, kvHeads, group * tokens, width]);
  const products = tf.mul(tf.matMul(grouped, presentKey, false, true), tf.scalar(1 / Math.sqrt(width)));
  const scores = bias === undefined ? products : tf.add(products, biasOfGroup(bias, group, capacity));
  const order = tf.reshape(tf.range(0, capacity, 1, "int32"), [1, 1, capacity]);
  const visible = tf.lessEqual(order, tf.reshape(places, [rows, tokens, 1]));
  const mask = tf.reshape(tf.tile(visible, [1, heads, 1]), [rows, kvHeads, group * tokens, capacity]);
  const attended = tf.matMul(tf.softmax(tf.where(mask, scores, tf.scalar(-1e30))), presentValue);
  const y = tf.transpose(tf.reshape(attended, [rows, heads, tokens, width]), [0, 2, 1, 3]);
  return [tf.reshape(y, [...shape]), presentKey, presentValue];
};

export const TENSORFLOW: { readonly [K in OpName]: OpRule<K> } = {
  neg: unary(tf.neg),
  exp: unary(tf.exp),
  log: unary(tf.log),
  sqrt: unary(tf.sqrt),
  reciprocal: unary(tf.reciprocal),
  sigmoid: unary(tf.sigmoid),
  tanh: unary(tf.tanh),
  relu: unary(tf.relu),
  erf: unary(tf.erf),
  abs: unary(tf.abs),
  sign: unary(tf.sign),
  // The WASM backend's cast to bool keeps only the low byte.
  cast: ({ inputs: [x], attrs: { to } }) =>
    to === "bool" ? tf.notEqual(x!, tf.zerosLike(x!)) : tf.cast(x!, tfType(to)),
  detach: unary((x) => x.clone()),
  add: binary(tf.add),
  sub: binary(tf.sub),
  mul: binary(tf.mul),
  div: binary(tf.div),
  max: binary(tf.maximum),
  min: binary(tf.minimum),
  equal: binary(tf.equal),
  greater: binary(tf.greater),
  where: ({ inputs: [condition, x, y] }) => tf.where(condition!, x!, y!),
  matmul,
  matmulNf4,
  reduceSum: reduction(tf.sum),
  reduceMean: reduction(tf.mean),
  reduceMax: reduction(tf.max),
  softmax: unary((x) => tf.softmax(x)),
  logSoftmax: unary((x) => tf.logSoftmax(x)),
  reshape: ({ inputs: [x], shape }) => tf.reshape(x!, [...shape]),
  transpose: ({ inputs: [x], attrs: { perm } }) => tf.transpose(x!, [...perm]),
  expand: ({ inputs: [x], shape }) => tf.broadcastTo(x!, [...shape]),
  concat: ({ inputs, attrs: { axis } }) => tf.concat([...inputs], axis),
  slice: ({ inputs: [x], attrs: { axis, start }, shape }) => {
    const first = start < 0 ? start + x!.shape[axis]! : start;
    return tf.slice(
      x!,
      shape.map((_, i) => (i === axis ? first : 0)),
      [...shape],
    );
  },
  pad: ({ inputs: [x], attrs: { axis, before, after } }) =>
    tf.pad(
      x!,
      x!.shape.map((_, i): [number, number] => (i === axis ? [before, after] : [0, 0])),
    ),
  gather: ({ inputs: [table, indices] }) => tf.gather(table!, indices!),
  scatterAddRows: ({ inputs: [indices, updates], shape }) => {
    const column = tf.reshape(indices!, [-1, 1]);
    return tf.scatterND(column, tf.reshape(updates!, [-1, shape[1]!]), [...shape]);
  },
  gatherElements: ({ inputs: [x, indices], shape }) => {
    const places = flatPlaces(indices!, x!.shape.at(-1)!);
    return tf.reshape(tf.gather(tf.reshape(x!, [-1]), places), [...shape]);
  },
  scatterAddElements: ({ inputs: [indices, updates], attrs: { depth }, shape }) => {
    const places = tf.reshape(flatPlaces(indices!, depth), [-1, 1]);
    const size = shape.reduce((product, dim) => product * dim, 1);
    return tf.reshape(tf.scatterND(places, tf.reshape(updates!, [-1]), [size]), [...shape]);
  },
  rmsNorm: ({ inputs: [x, weight], attrs: { epsilon } }) => {
    const meanSquare = tf.mean(tf.square(x!), -1, true);
    return tf.mul(tf.mul(x!, tf.rsqrt(tf.add(meanSquare, tf.scalar(epsilon)))), weight!);
  },
  rope: ({ inputs: [x, positions, ...tables] }) => rotate(x!, positions!, tables),
  groupQueryAttention,
};
