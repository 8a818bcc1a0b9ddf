import type { Tensor } from "../tensor.ts";
import type { OpAttrs, OpName } from "./ops.ts";
import type { ValueType } from "./value-type.ts";

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
