import type { Graph, Node } from "./graph.ts";
import { formatType } from "./value-type.ts";

/** Prints one line per node. Equal graphs print equally, so that the text can serve as a snapshot. */
export function printGraph(graph: Graph): string {
  const lines = [`graph ${graph.name} {`];
  for (const { name, value } of graph.inputs) lines.push(`  %${value.id} = input "${name}" : ${formatType(value)}`);
  for (const [value, { data }] of graph.constants) {
    const shown = Array.from(data.subarray(0, 4), String).join(", ");
    lines.push(`  %${value.id} = constant {${shown}${data.length > 4 ? ", …" : ""}} : ${formatType(value)}`);
  }
  for (const node of graph.nodes) lines.push(`  ${printNode(node)}`);
  for (const { name, value } of graph.outputs) lines.push(`  output "${name}" = %${value.id}`);
  return `${lines.join("\n")}\n}\n`;
}

export function printNode(node: Node): string {
  const results = node.outputs.map(({ id }) => `%${id}`).join(", ");
  const operands = node.inputs.map(({ id }) => `%${id}`).join(", ");
  const attrs = Object.entries(node.attrs).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  const types = node.outputs.map(formatType).join(", ");
  return `${results} = ${node.op}(${operands})${attrs.length > 0 ? ` {${attrs.join(", ")}}` : ""} : ${types}`;
}
