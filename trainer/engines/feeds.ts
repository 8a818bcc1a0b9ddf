import { TrimtabError } from "../../shared/errors.ts";
import type { Graph, Named } from "../../shared/graph/graph.ts";
import { formatType, type Shape, sameShape } from "../../shared/graph/value-type.ts";
import type { Tensor } from "../../shared/tensor.ts";
import type { Append, CacheShape, CacheWindow, Feeds, NamedTensors } from "./executor.ts";

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

/** The graph without the inputs that nothing in it reads, such as weights of layers above what it outputs. */
export function withoutUnread(graph: Graph): Graph {
  const read = new Set([...graph.nodes.flatMap(({ inputs }) => inputs), ...graph.outputs.map(({ value }) => value)]);
  return { ...graph, inputs: graph.inputs.filter(({ value }) => read.has(value)) };
}

/** The inputs still to be fed when `values` are held. Throws `invalid_graph` for a value that matches no input. */
export function unheldInputs(graphName: string, inputs: readonly Named[], values: NamedTensors): Named[] {
  for (const [name, value] of Object.entries(values)) {
    const input = inputs.find((candidate) => candidate.name === name);
    if (input === undefined) {
      throw new TrimtabError("invalid_graph", `${graphName} has no open input named ${name} to hold a value for`);
    }
    checkTensor(graphName, input, value);
  }
  return inputs.filter(({ name }) => values[name] === undefined);
}

export function isWindow(feed: Tensor | CacheWindow): feed is CacheWindow {
  return "cache" in feed;
}

/** Throws `invalid_graph` unless `feeds` contains exactly these inputs, each with the right type and shape. */
export function checkFeeds(graphName: string, inputs: readonly Named[], feeds: Feeds): void {
  for (const input of inputs) {
    const feed = feeds[input.name];
    if (feed === undefined) {
      throw new TrimtabError("invalid_graph", `${graphName} needs a tensor for its input ${input.name}`);
    }
    checkTensor(graphName, input, typeOf(feed));
  }
  if (Object.keys(feeds).length !== inputs.length) {
    const unknown = Object.keys(feeds).filter((name) => !inputs.some((input) => input.name === name));
    throw new TrimtabError("invalid_graph", `${graphName} has no open input named ${unknown.join(", ")}`);
  }
  dimensionSizes(graphName, inputs, feeds);
}

/** The sizes of the named dimensions in this run. Throws `invalid_graph` if two feeds disagree. */
export function dimensionSizes(graphName: string, inputs: readonly Named[], feeds: Feeds): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>();
  for (const { name, value } of inputs) {
    value.shape.forEach((dim, axis) => {
      if (typeof dim === "number") return;
      const size = typeOf(feeds[name]!).shape[axis]!;
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

/**
 * The outputs that are returned to the caller. Throws `invalid_graph` for an append that names no output, or one whose type
 * does not fit the cache.
 */
export function returnedOutputs(
  { name: graphName, outputs }: Graph,
  appends: Readonly<Record<string, Append>>,
): Named[] {
  for (const [name, { window }] of Object.entries(appends)) {
    const output = outputs.find((candidate) => candidate.name === name);
    if (output === undefined) throw new TrimtabError("invalid_graph", `${graphName} has no output named ${name}`);
    const { heads, width } = window.cache.shape;
    const { dtype, shape } = output.value;
    if (dtype !== "f32" || shape.length !== 4 || shape[1] !== heads || shape[3] !== width) {
      throw new TrimtabError(
        "invalid_graph",
        `output ${name} of ${graphName} is ${formatType(output.value)}, but the cache takes f32[${window.count}, ${heads}, T, ${width}]`,
      );
    }
  }
  return outputs.filter(({ name }) => appends[name] === undefined);
}

/**
 * Throws `invalid_graph` unless an output [count, K, T, W] of the right type has as many rows as the window and stays within the
 * capacity.
 */
export function checkAppend(name: string, { window, at }: Append, shape: readonly number[]): void {
  const { count, cache } = window;
  const [rows, , tokens] = shape as readonly [number, number, number, number];
  const { capacity } = cache.shape;
  const beyond = at.find((start) => start < 0 || start + tokens > capacity);
  if (rows === count && at.length === count && beyond === undefined) return;
  throw new TrimtabError(
    "invalid_graph",
    beyond === undefined
      ? `output ${name} has ${rows} rows for the ${count} slots of a window, with ${at.length} places to begin`
      : `output ${name} has ${tokens} positions, which do not fit a cache of ${capacity} from position ${beyond} on`,
  );
}

/** Throws `invalid_graph` for a window that exceeds the cache's slots. */
export function checkWindow({ first, count, cache: { shape } }: CacheWindow): void {
  if (first >= 0 && count > 0 && first + count <= shape.slots) return;
  throw new TrimtabError(
    "invalid_graph",
    `a cache of ${shape.slots} slots has no slots ${first} to ${first + count - 1}`,
  );
}

/** The input type of a feed. */
function typeOf(feed: Tensor | CacheWindow): Pick<Tensor, "dtype" | "shape"> {
  if (!isWindow(feed)) return feed;
  checkWindow(feed);
  return { dtype: "f32", shape: windowShape(feed.count, feed.cache.shape) };
}

export function windowShape(count: number, { heads, capacity, width }: CacheShape): number[] {
  return [count, heads, capacity, width];
}

function checkTensor(graphName: string, input: Named, tensor: Pick<Tensor, "dtype" | "shape">): void {
  const { value } = input;
  const fits =
    tensor.shape.length === value.shape.length &&
    value.shape.every((dim, i) => typeof dim === "string" || dim === tensor.shape[i]);
  if (tensor.dtype !== value.dtype || !fits) refuse(graphName, input, tensor);
}

function refuse(graphName: string, { name, value }: Named, tensor: Pick<Tensor, "dtype" | "shape">): never {
  const [wanted, got] = [formatType(value), formatType(tensor)];
  throw new TrimtabError("invalid_graph", `input ${name} of ${graphName} is ${wanted}, but was given ${got}`);
}
