import { TrimtabError } from "../errors.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import type { NodeOf, Value } from "../graph/graph.ts";
import type { OpName } from "../graph/ops.ts";
import { GRADIENT, type RuleContext } from "./rules.ts";

/**
 * Reverse-mode differentiation, graph to graph: appends to `b` the nodes that compute ∂loss/∂x for every x in `wrt`, and
 * returns those values in the same order.
 *
 * It visits only nodes on a path from some x to the loss and tells each rule which of its inputs are on one, so nothing is
 * emitted for frozen weights. Throws `invalid_graph` if `loss` is not a scalar, if it does not depend on an x, or if a node on
 * the path has no gradient.
 */
export function gradient(b: GraphBuilder, loss: Value, wrt: readonly Value[]): Value[] {
  if (loss.shape.length !== 0) {
    throw new TrimtabError("invalid_graph", `the loss must be a scalar, but has shape [${loss.shape.join(", ")}]`);
  }
  const forward = [...b.nodes];
  const active = new Set<Value>(wrt);
  for (const node of forward) {
    if (node.inputs.some((input) => active.has(input))) for (const output of node.outputs) active.add(output);
  }
  const gradients = new Map<Value, Value>([[loss, b.scalar(1, loss.dtype)]]);
  for (const node of forward.reverse()) {
    const [y] = node.outputs as readonly [Value];
    const dy = gradients.get(y);
    if (dy === undefined || !active.has(y)) continue;
    const needs = node.inputs.map((input) => active.has(input));
    const context: RuleContext<OpName> = { b, node: node as NodeOf<OpName>, inputs: node.inputs, y, dy, needs };
    const partials = (GRADIENT[node.op] as (context: RuleContext<OpName>) => readonly (Value | undefined)[])(context);
    partials.forEach((partial, i) => {
      const input = node.inputs[i]!;
      if (partial === undefined || !needs[i]) return;
      const known = gradients.get(input);
      gradients.set(input, known === undefined ? partial : b.add(known, partial));
    });
  }
  return wrt.map((x) => {
    const result = gradients.get(x);
    if (result === undefined) {
      throw new TrimtabError("invalid_graph", `the loss does not depend on %${x.id}, so it cannot be trained`);
    }
    return result;
  });
}
