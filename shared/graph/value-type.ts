import type { DType } from "../tensor.ts";

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

export function formatShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

export function formatType(type: ValueType): string {
  return `${type.dtype}${formatShape(type.shape)}`;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i]);
}
