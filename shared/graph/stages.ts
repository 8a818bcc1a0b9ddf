import type { Graph, Named, Node, Value } from "./graph.ts";

/** The name of a value that a stage hands to later ones, as its output and as their input. */
const carriedName = ({ id }: Value) => `carried.${id}`;

/**
 * Cuts a graph into stages that run one after another, so that the host can act in between. `startsAt` gives the stage before
 * which an input is not complete; undefined for inputs that are complete from the start. A node belongs to the latest stage of
 * its inputs, and one whose inputs are complete from the start to every stage that uses it.
 *
 * Outputs keep their names; values that a later stage needs are outputs besides, and inputs of the same name there. Together
 * the stages compute exactly what the graph does.
 */
export function stagesOf(graph: Graph, startsAt: (input: string) => number | undefined): Graph[] {
  const stages = new Map<Value, number | undefined>();
  for (const { name, value } of graph.inputs) stages.set(value, startsAt(name));
  const latest = (values: readonly Value[]) => {
    const known = values.flatMap((value) => stages.get(value) ?? []);
    return known.length === 0 ? undefined : Math.max(...known);
  };
  for (const node of graph.nodes) for (const output of node.outputs) stages.set(output, latest(node.inputs));
  const count = 1 + (latest([...stages.keys()]) ?? 0);
  return Array.from({ length: count }, (_, stage) => stageOf(graph, stages, stage));
}

function stageOf(graph: Graph, stages: ReadonlyMap<Value, number | undefined>, stage: number): Graph {
  const given = new Set(graph.inputs.map(({ value }) => value));
  const handedOn = new Set<Value>();
  for (const node of graph.nodes) {
    if ((stages.get(node.outputs[0]!) ?? 0) <= stage) continue;
    for (const value of node.inputs) if (stages.get(value) === stage && !given.has(value)) handedOn.add(value);
  }
  const outputs: Named[] = [
    ...graph.outputs.filter(({ value }) => (stages.get(value) ?? 0) === stage),
    ...[...handedOn].map((value) => ({ name: carriedName(value), value })),
  ];
  const needed = new Set(outputs.map(({ value }) => value));
  const nodes: Node[] = [];
  const carried = new Set<Value>();
  for (const node of graph.nodes.toReversed()) {
    const wanted = node.outputs.filter((output) => needed.has(output));
    if (wanted.length === 0) continue;
    if ((stages.get(wanted[0]!) ?? stage) < stage) {
      for (const value of wanted) carried.add(value);
      continue;
    }
    for (const input of node.inputs) needed.add(input);
    nodes.push(node);
  }
  return {
    name: `${graph.name}.${stage}`,
    inputs: [
      ...graph.inputs.filter(({ value }) => needed.has(value)),
      ...[...carried].map((value) => ({ name: carriedName(value), value })),
    ],
    constants: new Map([...graph.constants].filter(([value]) => needed.has(value))),
    nodes: nodes.reverse(),
    outputs,
  };
}
