import { TrimtabError } from "../../shared/errors.ts";
import { formatType, type Graph, type Named } from "../../shared/graph/graph.ts";
import type { Tensor } from "../../shared/tensor.ts";
import type { NamedTensors } from "./executor.ts";

/** The inputs of `graph` that `bindings` leaves open. Throws `invalid_graph` for a binding that is no input. */
export function openInputs(graph: Graph, bindings: ReadonlyMap<string, Tensor>): Named[] {
  for (const name of bindings.keys()) {
    if (!graph.inputs.some((input) => input.name === name)) {
      throw new TrimtabError("invalid_graph", `${graph.name} has no input named ${name} to bind`);
    }
  }
  return graph.inputs.filter(({ name }) => !bindings.has(name));
}

/** Throws `invalid_graph` unless `feeds` gives every input exactly once, with its type and shape. */
export function checkFeeds(graphName: string, inputs: readonly Named[], feeds: NamedTensors): void {
  for (const { name, value } of inputs) {
    const feed = feeds[name];
    if (feed === undefined)
      throw new TrimtabError("invalid_graph", `${graphName} needs a tensor for its input ${name}`);
    const fits =
      feed.shape.length === value.shape.length &&
      value.shape.every((dim, i) => typeof dim === "string" || dim === feed.shape[i]);
    if (feed.dtype !== value.dtype || !fits) {
      throw new TrimtabError(
        "invalid_graph",
        `input ${name} of ${graphName} is ${formatType(value)}, but was fed ${formatType(feed)}`,
      );
    }
  }
  if (Object.keys(feeds).length !== inputs.length) {
    const unknown = Object.keys(feeds).filter((name) => !inputs.some((input) => input.name === name));
    throw new TrimtabError("invalid_graph", `${graphName} has no open input named ${unknown.join(", ")}`);
  }
}
