import { TrimtabError } from "../errors.ts";
import { i64, scalar, type Tensor } from "../tensor.ts";
import type { Graph, NodeOf, Value } from "./graph.ts";
import { Encoder } from "./onnx-encoder.ts";
import { encodeModel } from "./onnx-model.ts";
import { encodeMatmulNf4 } from "./onnx-nf4.ts";
import type { OpName } from "./ops.ts";
import type { Shape } from "./value-type.ts";

/**
 * Encodes a graph as an ONNX model.
 *
 * `bindings` turns inputs into initializers: one executor bakes frozen weights in, so that onnxruntime may prepack them, while
 * another keeps them as inputs that several sessions share.
 * Outputs keep their order. ONNX has one namespace for inputs and outputs, so an output with an input's name gets a prime.
 * Throws `invalid_graph` if a bound tensor does not match its input.
 */
export function encodeOnnx(graph: Graph, bindings: ReadonlyMap<string, Tensor> = new Map()): Uint8Array {
  const encoder = new Encoder();
  const inputs = graph.inputs.filter(({ name }) => !bindings.has(name));
  for (const { name, value } of graph.inputs) {
    encoder.names.set(value, name);
    const bound = bindings.get(name);
    if (bound !== undefined) encoder.bind(name, value, bound);
  }
  for (const [value, data] of graph.constants) encoder.initializers.set(encoder.name(value), data);
  const taken = new Set(graph.inputs.map(({ name }) => name));
  const outputs = graph.outputs.map(({ name, value }) => ({ name: taken.has(name) ? `${name}'` : name, value }));
  const produced = new Set(graph.nodes.flatMap((node) => node.outputs));
  const aliases = outputs.filter(({ name, value }) => {
    if (!produced.has(value) || encoder.names.has(value)) return true;
    encoder.names.set(value, name);
    return false;
  });
  for (const node of graph.nodes) (ENCODE[node.op] as EncodeRule<OpName>)(node as NodeOf<OpName>, encoder);
  // An Identity node connects an output to a value that is an input, a constant or already named after another output.
  for (const { name, value } of aliases) {
    encoder.nodes.push({ type: "Identity", inputs: [encoder.name(value)], outputs: [name] });
  }
  const { nodes, initializers } = encoder;
  return encodeModel({ name: graph.name, inputs, outputs, initializers, nodes });
}

type EncodeRule<K extends OpName> = (node: NodeOf<K>, encoder: Encoder) => void;

const standard =
  (type: string) =>
  ({ inputs, outputs }: NodeOf<OpName>, encoder: Encoder): void => {
    encoder.push(type, inputs, { outputs });
  };

const reduction =
  (type: string) =>
  (node: NodeOf<"reduceSum" | "reduceMean" | "reduceMax">, encoder: Encoder): void => {
    const { inputs, outputs, attrs } = node;
    const axes = encoder.constant(i64([attrs.axes.length], attrs.axes));
    // Without axes there is nothing to reduce; by default ONNX would reduce over all axes.
    const attributes = { keepdims: attrs.keepdims ? 1 : 0, noop_with_empty_axes: 1 };
    encoder.push(type, [...inputs, axes], { outputs, attributes });
  };

const lastAxis =
  (type: string) =>
  ({ inputs, outputs }: NodeOf<OpName>, encoder: Encoder): void => {
    encoder.push(type, inputs, { outputs, attributes: { axis: -1 } });
  };

const shapeTensor = (shape: Shape, symbol: (axis: number) => number): Tensor =>
  i64(
    [shape.length],
    shape.map((dim, axis) => (typeof dim === "number" ? dim : symbol(axis))),
  );

export const ENCODE: { readonly [K in OpName]: EncodeRule<K> } = {
  neg: standard("Neg"),
  exp: standard("Exp"),
  log: standard("Log"),
  sqrt: standard("Sqrt"),
  reciprocal: standard("Reciprocal"),
  sigmoid: standard("Sigmoid"),
  tanh: standard("Tanh"),
  relu: standard("Relu"),
  erf: standard("Erf"),
  abs: standard("Abs"),
  sign: standard("Sign"),
  cast: ({ inputs, outputs, attrs }, encoder) => {
    encoder.push("Cast", inputs, { outputs, attributes: { to: { type: attrs.to } } });
  },
  detach: standard("Identity"),
  add: standard("Add"),
  sub: standard("Sub"),
  mul: standard("Mul"),
  div: standard("Div"),
  max: standard("Max"),
  min: standard("Min"),
  equal: standard("Equal"),
  greater: standard("Greater"),
  where: standard("Where"),
  // Gemm and FusedMatMul read a transposed operand in place; only the plain form is an ONNX MatMul.
  matmul: ({ inputs, outputs, attrs: { transA, transB } }, encoder) => {
    const flags = { transA: transA ? 1 : 0, transB: transB ? 1 : 0 };
    const [left, right] = inputs as readonly [Value, Value];
    // Of a single column the kernel adds up rows in fours and the rest in another order; of a single row it does not.
    if (!transB && right.shape.length === 2 && right.shape[1] === 1) {
      const row = encoder.push("Reshape", [right, encoder.constant(i64([2], [1, -1]))]);
      const flat = left.shape.length === 2;
      const attributes = { ...flags, transB: 1 };
      encoder.push(flat ? "Gemm" : "FusedMatMul", [left, row], { outputs, attributes, contrib: !flat });
    } else if (!transA && !transB) encoder.push("MatMul", inputs, { outputs });
    else if (inputs.every(({ shape }) => shape.length === 2))
      encoder.push("Gemm", inputs, { outputs, attributes: flags });
    else encoder.push("FusedMatMul", inputs, { outputs, attributes: flags, contrib: true });
  },
  matmulNf4: encodeMatmulNf4,
  reduceSum: reduction("ReduceSum"),
  reduceMean: reduction("ReduceMean"),
  reduceMax: reduction("ReduceMax"),
  softmax: lastAxis("Softmax"),
  logSoftmax: lastAxis("LogSoftmax"),
  // A named dimension either stays in place (0 copies it) or is the one that ONNX infers (−1); leading ones can go before any.
  reshape: ({ inputs, outputs, attrs: { shape } }, encoder) => {
    const kept = (axis: number) => inputs[0]!.shape[axis] === shape[axis];
    const moved = shape.filter((dim, axis) => typeof dim === "string" && !kept(axis));
    if (moved.length > 1) {
      const ones = Array.from({ length: inputs[0]!.shape.length - shape.length }, () => 1);
      if (inputs[0]!.shape.join() !== [...ones, ...shape].join()) {
        throw new TrimtabError("invalid_graph", `reshape to [${shape.join(", ")}] moves more than one named dimension`);
      }
      encoder.push("Squeeze", [inputs[0]!, encoder.constant(i64([ones.length], [...ones.keys()]))], { outputs });
      return;
    }
    encoder.push("Reshape", [inputs[0]!, encoder.constant(shapeTensor(shape, (axis) => (kept(axis) ? 0 : -1)))], {
      outputs,
    });
  },
  transpose: ({ inputs, outputs, attrs }, encoder) => {
    encoder.push("Transpose", inputs, { outputs, attributes: { perm: attrs.perm } });
  },
  // Expand broadcasts both ways, so a 1 stands for a named dimension that the input already has.
  expand: ({ inputs, outputs, attrs: { shape } }, encoder) => {
    encoder.push("Expand", [inputs[0]!, encoder.constant(shapeTensor(shape, () => 1))], { outputs });
  },
  concat: ({ inputs, outputs, attrs }, encoder) => {
    encoder.push("Concat", inputs, { outputs, attributes: { axis: attrs.axis } });
  },
  slice: ({ inputs, outputs, attrs: { axis, start, end } }, encoder) => {
    const bounds = [start, end ?? Number.MAX_SAFE_INTEGER, axis].map((bound) => encoder.constant(i64([1], [bound])));
    encoder.push("Slice", [inputs[0]!, ...bounds], { outputs });
  },
  pad: ({ inputs, outputs, attrs: { axis, before, after } }, encoder) => {
    const pads = encoder.constant(i64([2], [before, after]));
    const value = encoder.constant(scalar(inputs[0]!.dtype, 0));
    encoder.push("Pad", [inputs[0]!, pads, value, encoder.constant(i64([1], [axis]))], { outputs });
  },
  gather: standard("Gather"),
  // ScatterND would accept whole rows, but onnxruntime adds them from several threads without locking and loses updates to rows
  // that several indices share (its issue 18048). ScatterElements is sequential, so it is exact and deterministic.
  scatterAddRows: ({ inputs: [indices, updates], outputs, attrs: { rows } }, encoder) => {
    const width = updates!.shape.at(-1) as number;
    const flat = encoder.push("Reshape", [updates!, encoder.constant(i64([2], [-1, width]))]);
    const column = encoder.push("Reshape", [indices!, encoder.constant(i64([2], [-1, 1]))]);
    const targets = encoder.push("Expand", [column, encoder.constant(i64([2], [1, width]))]);
    const zeros = encoder.push("Expand", [
      encoder.constant(scalar(updates!.dtype, 0)),
      encoder.constant(i64([2], [rows, width])),
    ]);
    encoder.push("ScatterElements", [zeros, targets, flat], { outputs, attributes: { axis: 0, reduction: "add" } });
  },
  gatherElements: lastAxis("GatherElements"),
  scatterAddElements: ({ inputs: [indices, updates], outputs, attrs: { depth } }, encoder) => {
    const shape = encoder.constant(shapeTensor([...indices!.shape.slice(0, -1), depth], () => 1));
    const zeros = encoder.push("Expand", [encoder.constant(scalar(updates!.dtype, 0)), shape]);
    const attributes = { axis: -1, reduction: "add" };
    encoder.push("ScatterElements", [zeros, indices!, updates!], { outputs, attributes });
  },
  rmsNorm: ({ inputs, outputs, attrs }, encoder) => {
    const attributes = { axis: -1, epsilon: { float: attrs.epsilon } };
    encoder.push("SimplifiedLayerNormalization", inputs, { outputs, attributes });
  },
  rope: ({ inputs, outputs }, encoder) => {
    encoder.push("RotaryEmbedding", inputs, { outputs, attributes: { interleaved: 0 }, contrib: true });
  },
  // The kernel applies rotary embeddings only if the head width is a multiple of 16, and only at positions that follow from the
  // cache; otherwise they are applied before it. An empty name stands for an optional input that is not given.
  groupQueryAttention: (node, encoder) => {
    const { inputs, outputs, attrs } = node;
    const [positions, bias] = inputs.slice(9);
    const rotary = positions === undefined && (inputs[3]!.shape[3] as number) % 16 === 0;
    const before = rotary ? inputs : [...rotateBefore(node, encoder), ...inputs.slice(2, 7)];
    const operands = bias === undefined ? before : [...before, "", "", "", bias];
    const heads = { num_heads: attrs.heads, kv_num_heads: attrs.kvHeads };
    const attributes = { ...heads, do_rotary: rotary ? 1 : 0, rotary_interleaved: 0 };
    encoder.push("GroupQueryAttention", operands, { outputs, attributes, contrib: true });
  },
};

/** Query and key with rotary embeddings. */
function rotateBefore(node: NodeOf<"groupQueryAttention">, encoder: Encoder): [string, string] {
  const [query, key, , , , , , cos, sin, given] = node.inputs as readonly Value[];
  const positions = given ?? positionsInCache(node, encoder);
  const rotate = (x: Value, heads: number) =>
    encoder.push("RotaryEmbedding", [x, positions, cos!, sin!], {
      attributes: { interleaved: 0, num_heads: heads },
      contrib: true,
    });
  return [rotate(query!, node.attrs.heads), rotate(key!, node.attrs.kvHeads)];
}

/** [B, T]: a row's positions are consecutive and end at its last index. */
function positionsInCache({ inputs }: NodeOf<"groupQueryAttention">, encoder: Encoder): string {
  const [query, , , , , last] = inputs as readonly Value[];
  const [zero, one] = [0, 1].map((number) => encoder.constant({ ...i64([1], [number]), shape: [] })) as [
    string,
    string,
  ];
  const length = encoder.push("Gather", [encoder.push("Shape", [query!]), one]);
  const lastColumn = encoder.push("Unsqueeze", [last!, encoder.constant(i64([1], [1]))]);
  const end = encoder.push("Cast", [lastColumn], { attributes: { to: { type: "i64" } } });
  const start = encoder.push("Sub", [end, encoder.push("Sub", [length, one])]);
  return encoder.push("Add", [start, encoder.push("Range", [zero, length, one])]);
}
