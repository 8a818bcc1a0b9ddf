import { TrimtabError } from "../errors.ts";
import type { GraphBuilder, Recomputed } from "../graph/builder.ts";
import type { Node, NodeOf, Value } from "../graph/graph.ts";
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
  const add = (value: Value, partial: Value) => {
    const known = gradients.get(value);
    gradients.set(value, known === undefined ? partial : b.add(known, partial));
  };
  function back(node: Node): void {
    const [y] = node.outputs as readonly [Value];
    const dy = gradients.get(y);
    if (dy === undefined || !active.has(y)) return;
    const needs = node.inputs.map((input) => active.has(input));
    const context: RuleContext<OpName> = { b, node: node as NodeOf<OpName>, inputs: node.inputs, y, dy, needs };
    const partials = (GRADIENT[node.op] as (context: RuleContext<OpName>) => readonly (Value | undefined)[])(context);
    partials.forEach((partial, i) => {
      if (partial !== undefined && needs[i]) add(node.inputs[i]!, partial);
    });
  }
  const again = new Map(b.recomputations.flatMap((part) => part.nodes.map((node) => [node, part] as const)));
  const done = new Set<Recomputed>();
  /** A scalar 0 that is known once the last recomputed part has its gradients. */
  let after: Value | undefined;
  for (const node of forward.reverse()) {
    const part = again.get(node);
    if (part === undefined) back(node);
    else if (!done.has(part)) {
      done.add(part);
      after = recompute(b, part, { gradients, active, back, add, after }) ?? after;
    }
  }
  return wrt.map((x) => {
    const result = gradients.get(x);
    if (result === undefined) {
      throw new TrimtabError("invalid_graph", `the loss does not depend on %${x.id}, so it cannot be trained`);
    }
    return result;
  });
}

interface Backward {
  readonly gradients: ReadonlyMap<Value, Value>;
  readonly active: Set<Value>;
  readonly back: (node: Node) => void;
  readonly add: (value: Value, partial: Value) => void;
  readonly after: Value | undefined;
}

/**
 * The gradients of a part whose nodes are emitted again. Its inputs get a 0 that is known only once the part's own gradient is, and the
 * gradients of the part before: an executor can neither take the new nodes for the old ones nor compute them early, and one part's
 * values are gone before the next one's come. Returns a 0 that is known when the part is done; undefined where it has no gradient.
 */
function recompute(
  b: GraphBuilder,
  { nodes, inputs, outputs }: Recomputed,
  { gradients, active, back, add, after }: Backward,
): Value | undefined {
  const given = outputs.flatMap((output) => {
    const dy = gradients.get(output);
    return dy === undefined || !active.has(output) ? [] : [{ output, dy }];
  });
  if (given.length === 0) return undefined;
  const zero = (values: readonly Value[]) => {
    const sum = values.map((value) => b.firstElement(value)).reduce((total, one) => b.add(total, one));
    return b.mul(sum, 0);
  };
  const start = zero(given.map(({ dy }) => dy));
  const held = after === undefined ? start : b.add(start, after);
  const copies = new Map<Value, Value>(inputs.map((input) => [input, b.add(input, held)]));
  for (const input of inputs) if (active.has(input)) active.add(copies.get(input)!);
  const first = b.nodes.length;
  const outside = new Set<Value>();
  for (const node of nodes) {
    for (const input of node.inputs) if (!copies.has(input) && active.has(input)) outside.add(input);
    const made = b.emit(
      node.op,
      node.inputs.map((input) => copies.get(input) ?? input),
      node.attrs as never,
    );
    node.outputs.forEach((output, i) => {
      copies.set(output, made[i]!);
      if (active.has(output)) active.add(made[i]!);
    });
  }
  const copied = b.nodes.slice(first);
  for (const { output, dy } of given) add(copies.get(output)!, dy);
  for (const node of copied.reverse()) back(node);
  const reached = inputs.flatMap((input) => gradients.get(copies.get(input)!) ?? []);
  for (const input of inputs) {
    const partial = gradients.get(copies.get(input)!);
    if (partial !== undefined) add(input, partial);
  }
  return zero([...reached, ...[...outside].flatMap((value) => gradients.get(value) ?? [])]);
}
