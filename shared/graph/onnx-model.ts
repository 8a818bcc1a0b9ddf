import { MessageWriter } from "../formats/protobuf.ts";
import type { DType, Tensor } from "../tensor.ts";
import type { Named } from "./graph.ts";

/**
 * The parts of ONNX's protobuf messages that graphs need, with the field numbers of `onnx.proto3`.
 * Opset 20 has every standard op used here; `com.microsoft` is onnxruntime's domain for fused ops.
 */
const IR_VERSION = 9;
const OPSET = 20;

const DATA_TYPE: Readonly<Record<DType, number>> = { f32: 1, u8: 2, i32: 6, i64: 7, bool: 9, f64: 11 };

export type Attribute = number | string | readonly number[] | { readonly float: number } | { readonly type: DType };

export interface OnnxNode {
  readonly type: string;
  readonly domain?: "com.microsoft";
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
}

export interface OnnxModel {
  readonly name: string;
  readonly inputs: readonly Named[];
  readonly outputs: readonly Named[];
  readonly initializers: ReadonlyMap<string, Tensor>;
  readonly nodes: readonly OnnxNode[];
}

export function encodeModel(model: OnnxModel): Uint8Array {
  const graph = new MessageWriter();
  for (const node of model.nodes) graph.message(1, encodeNode(node));
  graph.string(2, model.name);
  for (const [name, tensor] of model.initializers) graph.message(5, encodeTensor(name, tensor));
  for (const input of model.inputs) graph.message(11, encodeValueInfo(input));
  for (const output of model.outputs) graph.message(12, encodeValueInfo(output));
  return new MessageWriter()
    .varint(1, IR_VERSION)
    .string(2, "trimtab")
    .message(7, graph)
    .message(8, new MessageWriter().string(1, "").varint(2, OPSET))
    .message(8, new MessageWriter().string(1, "com.microsoft").varint(2, 1))
    .finish();
}

function encodeNode(node: OnnxNode): MessageWriter {
  const message = new MessageWriter();
  for (const input of node.inputs) message.string(1, input);
  for (const output of node.outputs) message.string(2, output);
  message.string(3, node.outputs[0]!).string(4, node.type);
  for (const [name, value] of Object.entries(node.attributes ?? {})) message.message(5, encodeAttribute(name, value));
  if (node.domain !== undefined) message.string(7, node.domain);
  return message;
}

function encodeAttribute(name: string, value: Attribute): MessageWriter {
  const message = new MessageWriter().string(1, name);
  if (typeof value === "number") return message.varint(3, value).varint(20, 2);
  if (typeof value === "string") return message.string(4, value).varint(20, 3);
  if ("float" in value) return message.float(2, value.float).varint(20, 1);
  if ("type" in value) return message.varint(3, DATA_TYPE[value.type]).varint(20, 2);
  for (const item of value) message.varint(8, item);
  return message.varint(20, 7);
}

function encodeTensor(name: string, { dtype, shape, data }: Tensor): MessageWriter {
  const message = new MessageWriter();
  for (const dim of shape) message.varint(1, dim);
  return message
    .varint(2, DATA_TYPE[dtype])
    .string(8, name)
    .bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

function encodeValueInfo({ name, value }: Named): MessageWriter {
  const shape = new MessageWriter();
  for (const dim of value.shape) {
    shape.message(1, typeof dim === "number" ? new MessageWriter().varint(1, dim) : new MessageWriter().string(2, dim));
  }
  const tensorType = new MessageWriter().varint(1, DATA_TYPE[value.dtype]).message(2, shape);
  return new MessageWriter().string(1, name).message(2, new MessageWriter().message(1, tensorType));
}
