import { TrimtabError } from "../errors.ts";
import { elementCount } from "../tensor.ts";
import type { Graph, Node, Value } from "./graph.ts";
import { inferTypes } from "./ops.ts";
import { printNode } from "./print.ts";
import { formatType, sameShape } from "./value-type.ts";

/**
 * Checks the invariants that every pass must preserve: each value is defined once and before its use, every node has the output
 * types that its rule infers, and names are unique. Throws `invalid_graph` naming the node.
 */
export function verify(graph: Graph): void {
  const defined = new Set<Value>();
  const define = (value: Value, where: string) => {
    if (defined.has(value)) fail(graph, `${where} defines %${value.id} again`);
    defined.add(value);
  };
  for (const { name, value } of graph.inputs) define(value, `input ${name}`);
  for (const [value, data] of graph.constants) {
    define(value, "a constant");
    if (value.dtype !== data.dtype || !sameShape(value.shape, data.shape)) {
      fail(graph, `constant %${value.id} is declared ${formatType(value)} but contains ${formatType(data)}`);
    }
    if (data.data.length !== elementCount(data.shape)) {
      fail(graph, `constant %${value.id} is ${formatType(value)} but contains ${data.data.length} elements`);
    }
  }
  graph.nodes.forEach((node, index) => {
    verifyNode(graph, node, index, defined);
    for (const output of node.outputs) define(output, describe(node, index));
  });
  for (const { name, value } of graph.outputs) {
    if (!defined.has(value)) fail(graph, `output ${name} is %${value.id}, which is never defined`);
  }
  for (const named of [graph.inputs, graph.outputs]) {
    const names = named.map(({ name }) => name);
    const repeated = names.find((name, i) => names.indexOf(name) !== i);
    if (repeated !== undefined) fail(graph, `the name ${repeated} is used twice`);
  }
}

function verifyNode(graph: Graph, node: Node, index: number, defined: ReadonlySet<Value>): void {
  for (const input of node.inputs) {
    if (!defined.has(input)) fail(graph, `${describe(node, index)} uses %${input.id} before it is defined`);
  }
  let types: ReturnType<typeof inferTypes>;
  try {
    types = inferTypes(node.op, node.inputs, node.attrs as never);
  } catch (error) {
    throw new TrimtabError("invalid_graph", `${graph.name}: ${describe(node, index)}: ${(error as Error).message}`, {
      cause: error,
    });
  }
  if (node.outputs.length > types.length) {
    fail(graph, `${describe(node, index)} declares ${node.outputs.length} outputs but has ${types.length}`);
  }
  types.forEach((type, i) => {
    const declared = node.outputs[i];
    if (declared === undefined || declared.dtype !== type.dtype || !sameShape(declared.shape, type.shape)) {
      const got = declared === undefined ? "nothing" : formatType(declared);
      fail(graph, `${describe(node, index)} should have type ${formatType(type)} but declares ${got}`);
    }
  });
}

function describe(node: Node, index: number): string {
  return `node ${index} (${printNode(node)})`;
}

function fail(graph: Graph, message: string): never {
  throw new TrimtabError("invalid_graph", `${graph.name}: ${message}`);
}
