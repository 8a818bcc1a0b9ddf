import type { Graph, Value } from "../../shared/graph/graph.ts";
import type { Shape } from "../../shared/graph/value-type.ts";
import { type Array64, toArray64 } from "./array64.ts";
import type { OpSpec } from "./cases.ts";
import { OP_SPEC } from "./op-spec.ts";

type Evaluate = OpSpec<unknown>["evaluate"];

/**
 * Runs a graph by the specification, entirely in float64; all dimensions must be numbers. Returns the outputs by name. `instead` has
 * other ways to compute ops, for graphs that would take the specification minutes.
 */
export function interpret(
  graph: Graph,
  feeds: Readonly<Record<string, Array64>>,
  instead: Readonly<Record<string, Evaluate>> = {},
): Record<string, Array64> {
  const values = new Map<Value, Array64>();
  for (const { name, value } of graph.inputs) values.set(value, feeds[name]!);
  for (const [value, tensor] of graph.constants) values.set(value, toArray64(tensor));
  for (const { op, attrs, inputs, outputs } of graph.nodes) {
    const spec = OP_SPEC[op] as OpSpec<unknown>;
    const operands = inputs.map((input) => values.get(input)!);
    const results = (instead[op] ?? spec.evaluate)(
      operands,
      attrs,
      outputs.map(({ shape }) => numbers(shape)),
    );
    outputs.forEach((output, i) => {
      values.set(output, results[i]!);
    });
  }
  return Object.fromEntries(graph.outputs.map(({ name, value }) => [name, values.get(value)!]));
}

function numbers(shape: Shape): number[] {
  return shape.map((dim) => {
    if (typeof dim === "string") throw new Error(`the interpreter needs a size for the dimension ${dim}`);
    return dim;
  });
}
