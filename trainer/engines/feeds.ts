import { TrimtabError } from "../../shared/errors.ts";
import type { Graph, Named } from "../../shared/graph/graph.ts";
import { formatType, type Shape, sameShape } from "../../shared/graph/value-type.ts";
import type { Tensor } from "../../shared/tensor.ts";
import type { NamedTensors } from "./executor.ts";

/**
 * The inputs of `graph` that `bindings` leaves unbound. Throws `invalid_graph` for a binding that matches no input; inputs with
 * named dimensions cannot be bound.
 */
export function openInputs(graph: Graph, bindings: ReadonlyMap<string, Tensor>): Named[] {
  for (const [name, tensor] of bindings) {
    const input = graph.inputs.find((candidate) => candidate.name === name);
    if (input === undefined) {
      throw new TrimtabError("invalid_graph", `${graph.name} has no input named ${name} to bind`);
    }
    if (!sameShape(input.value.shape, tensor.shape)) refuse(graph.name, input, tensor);
    checkTensor(graph.name, input, tensor);
  }
  return graph.inputs.filter(({ name }) => !bindings.has(name));
}

/** The `tensors` that are inputs of `graph`, to be bound; the others are not read. */
export function takenBy<T extends Tensor>(graph: Graph, tensors: ReadonlyMap<string, T>): Map<string, T> {
  const names = graph.inputs.map(({ name }) => name).filter((name) => tensors.has(name));
  return new Map(names.map((name) => [name, tensors.get(name)!]));
}

/** Throws `invalid_graph` unless `feeds` contains exactly these inputs, each with the right type and shape. */
export function checkFeeds(graphName: string, inputs: readonly Named[], feeds: NamedTensors): void {
  for (const input of inputs) {
    const feed = feeds[input.name];
    if (feed === undefined) {
      throw new TrimtabError("invalid_graph", `${graphName} needs a tensor for its input ${input.name}`);
    }
    checkTensor(graphName, input, feed);
  }
  if (Object.keys(feeds).length !== inputs.length) {
    const unknown = Object.keys(feeds).filter((name) => !inputs.some((input) => input.name === name));
    throw new TrimtabError("invalid_graph", `${graphName} has no open input named ${unknown.join(", ")}`);
  }
  dimensionSizes(graphName, inputs, feeds);
}

/** The sizes of the named dimensions in this run. Throws `invalid_graph` if two feeds disagree. */
export function dimensionSizes(
  graphName: string,
  inputs: readonly Named[],
  feeds: NamedTensors,
): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>();
  for (const { name, value } of inputs) {
    value.shape.forEach((dim, axis) => {
      if (typeof dim === "number") return;
      const size = feeds[name]!.shape[axis]!;
      const known = sizes.get(dim) ?? size;
      if (known !== size) {
        throw new TrimtabError(
          "invalid_graph",
          `${graphName}: the dimension ${dim} is ${known} elsewhere, but ${size} in ${name}`,
        );
      }
      sizes.set(dim, size);
    });
  }
  return sizes;
}

/** A shape with its named dimensions replaced by their sizes in this run. */
export function resolveShape(shape: Shape, sizes: ReadonlyMap<string, number>): number[] {
  return shape.map((dim) => (typeof dim === "number" ? dim : sizes.get(dim)!));
}

function checkTensor(graphName: string, input: Named, tensor: Tensor): void {
  const { value } = input;
  const fits =
    tensor.shape.length === value.shape.length &&
    value.shape.every((dim, i) => typeof dim === "string" || dim === tensor.shape[i]);
  if (tensor.dtype !== value.dtype || !fits) refuse(graphName, input, tensor);
}

function refuse(graphName: string, { name, value }: Named, tensor: Tensor): never {
  const [wanted, got] = [formatType(value), formatType(tensor)];
  throw new TrimtabError("invalid_graph", `input ${name} of ${graphName} is ${wanted}, but was given ${got}`);
}
