import type { DType, Tensor } from "../tensor.ts";
import type { OpAttrs, OpName } from "./ops.ts";

/**
 * A dimension is a number, or the name of a size that is known only when the graph runs.
 *
 * Training graphs use only numbers: a loss needs products of dimensions, and a step is compiled once per shape. The decode graph
 * uses the names `batch`, `seq`, …, so that one session prefills rows of any length and decodes any number of rows. Different
 * names never unify, which keeps the shape rules decidable.
 */
export type Dim = number | string;
export type Shape = readonly Dim[];

export interface ValueType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** A value in static single assignment form: defined once, by an input, a constant or a node. */
export interface Value extends ValueType {
  readonly id: number;
}

export type Node = { [K in OpName]: NodeOf<K> }[OpName];

export interface NodeOf<K extends OpName> {
  readonly op: K;
  readonly attrs: OpAttrs[K];
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
}

export interface Named {
  readonly name: string;
  readonly value: Value;
}

/** A pure function from named tensors to named tensors; `nodes` is in topological order. */
export interface Graph {
  readonly name: string;
  readonly inputs: readonly Named[];
  readonly constants: ReadonlyMap<Value, Tensor>;
  readonly nodes: readonly Node[];
  readonly outputs: readonly Named[];
}

export function formatShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

export function formatType(type: ValueType): string {
  return `${type.dtype}${formatShape(type.shape)}`;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i]);
}
