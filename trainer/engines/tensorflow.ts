import { setTimeout as delay } from "node:timers/promises";
import * as tf from "@tensorflow/tfjs-core";
import { TrimtabError } from "../../shared/errors.ts";
import type { Graph, Named, Node, NodeOf, Value } from "../../shared/graph/graph.ts";
import type { OpName } from "../../shared/graph/ops.ts";
import { verify } from "../../shared/graph/verify.ts";
import type { Tensor } from "../../shared/tensor.ts";
import type { Append, CompileOptions, Executor, Feeds, NamedTensors, Program } from "./executor.ts";
import {
  checkFeeds,
  dimensionSizes,
  isWindow,
  openInputs,
  resolveShape,
  returnedOutputs,
  unheldInputs,
} from "./feeds.ts";
import { loadTfjsBackend, onBackend, type TfjsBackend } from "./tensorflow-backend.ts";
import { TensorFlowCache, tensorFlowCache } from "./tensorflow-cache.ts";
import { type OpContext, TENSORFLOW, tfType } from "./tensorflow-ops.ts";
import { download, upload } from "./tensorflow-tensors.ts";

export interface TensorFlowOptions {
  /** A tfjs backend by name. Defaults to TensorFlow's native one if it is installed, else WASM. */
  readonly tfjsBackend?: string | undefined;
}

/**
 * Interprets graphs op by op on tfjs-core: on TensorFlow's CUDA kernels if `@tensorflow/tfjs-node-gpu` is installed, otherwise
 * on another tfjs backend. Integers have 32 bits; i64 inputs beyond that are rejected.
 * Throws `executor_missing` if no backend, or not the requested one, can be loaded.
 */
export async function createTensorFlowExecutor({ tfjsBackend }: TensorFlowOptions = {}): Promise<Executor> {
  const { backend, notice } = await loadTfjsBackend(tfjsBackend);
  return {
    name: "tensorflow",
    backend,
    ...(notice !== undefined && { notice }),
    async compile(graph: Graph, { bindings = new Map() }: CompileOptions = {}): Promise<Program> {
      verify(graph);
      refuseFloat64(graph);
      const inputs = openInputs(graph, bindings);
      return onBackend(backend, () => new TensorFlowProgram(graph, inputs, bindings, backend));
    },
    createCache: (shape) => TensorFlowCache.create(shape, backend),
  };
}

/** Time given to timers and sockets, as a share of the time kernels block the thread: enough to keep a lease alive. */
const SHARE_OF_OTHERS = 0.01;

class TensorFlowProgram implements Program {
  readonly #graph: Graph;
  readonly #inputs: readonly Named[];
  readonly #backend: TfjsBackend;
  /** Frozen and held inputs and constants, uploaded once. */
  readonly #resident = new Map<Value, tf.Tensor>();
  readonly #releases: ReadonlyMap<Node, readonly Value[]>;
  #held: NamedTensors = {};
  #open: readonly Named[];

  constructor(graph: Graph, inputs: readonly Named[], bindings: ReadonlyMap<string, Tensor>, backend: TfjsBackend) {
    this.#graph = graph;
    this.#inputs = inputs;
    this.#open = inputs;
    this.#backend = backend;
    this.#releases = releases(graph);
    for (const { name, value } of graph.inputs) {
      const bound = bindings.get(name);
      if (bound !== undefined) this.#resident.set(value, upload(name, bound));
    }
    for (const [value, data] of graph.constants) this.#resident.set(value, upload(`constant %${value.id}`, data));
  }

  async hold(values: NamedTensors): Promise<void> {
    const held = { ...this.#held, ...values };
    this.#open = unheldInputs(this.#graph.name, this.#inputs, held);
    this.#held = held;
    await onBackend(this.#backend, () => {
      for (const { name, value } of this.#inputs) {
        const given = values[name];
        if (given === undefined) continue;
        this.#resident.get(value)?.dispose();
        this.#resident.set(value, upload(name, given));
      }
    });
  }

  async run(feeds: Feeds, appends: Readonly<Record<string, Append>> = {}): Promise<Record<string, Tensor>> {
    const { name: graphName, outputs } = this.#graph;
    checkFeeds(graphName, this.#open, feeds);
    const returned = returnedOutputs(this.#graph, appends);
    const sizes = dimensionSizes(graphName, this.#inputs, { ...this.#held, ...feeds });
    const live = new Map<Value, tf.Tensor>();
    const started = performance.now();
    try {
      await onBackend(this.#backend, () => {
        for (const { name, value } of this.#open) live.set(value, this.#placed(name, feeds[name]!));
        this.#interpret(live, sizes);
        for (const { name, value } of outputs) {
          const append = appends[name];
          if (append === undefined) continue;
          tensorFlowCache(append.window, this.#backend).append(name, append, this.#tensor(live, value));
        }
      });
      const results = returned.map(async ({ name, value }): Promise<[string, Tensor]> => {
        return [name, await download(this.#tensor(live, value), value.dtype)];
      });
      const downloaded = Object.fromEntries(await Promise.all(results));
      await delay(SHARE_OF_OTHERS * (performance.now() - started));
      return downloaded;
    } finally {
      tf.dispose([...live.values()]);
    }
  }

  async dispose(): Promise<void> {
    tf.dispose([...this.#resident.values()]);
    this.#resident.clear();
  }

  #placed(name: string, feed: Feeds[string]): tf.Tensor {
    return isWindow(feed) ? tensorFlowCache(feed, this.#backend).view(feed) : upload(name, feed);
  }

  /** Evaluates every node. Adds results to `live` and disposes each value after its last use. */
  #interpret(live: Map<Value, tf.Tensor>, sizes: ReadonlyMap<string, number>): void {
    for (const node of this.#graph.nodes) {
      const inputs = node.inputs.map((input) => this.#tensor(live, input));
      const { op, attrs } = node as NodeOf<OpName>;
      const shape = resolveShape(node.outputs[0]!.shape, sizes);
      const rule = TENSORFLOW[op] as (context: OpContext<OpName>) => tf.Tensor | tf.Tensor[];
      const results = [tf.tidy(() => rule({ inputs, attrs, shape }))].flat();
      node.outputs.forEach((output, i) => {
        live.set(output, results[i]!);
      });
      for (const value of this.#releases.get(node)!) {
        live.get(value)?.dispose();
        live.delete(value);
      }
    }
  }

  #tensor(live: ReadonlyMap<Value, tf.Tensor>, value: Value): tf.Tensor {
    return (live.get(value) ?? this.#resident.get(value))!;
  }
}

/** For each node, the values that are no longer needed once it has run. */
function releases(graph: Graph): Map<Node, Value[]> {
  const needed = new Set(graph.outputs.map(({ value }) => value));
  const result = new Map<Node, Value[]>();
  for (const node of graph.nodes.toReversed()) {
    const last = new Set([...node.inputs, ...node.outputs].filter((value) => !needed.has(value)));
    for (const value of last) needed.add(value);
    result.set(node, [...last]);
  }
  return result;
}

function refuseFloat64(graph: Graph): void {
  const values = [...graph.inputs.map(({ value }) => value), ...graph.constants.keys()];
  for (const value of [...values, ...graph.nodes.flatMap(({ outputs }) => outputs)]) {
    try {
      tfType(value.dtype);
    } catch (error) {
      throw new TrimtabError("invalid_graph", `${graph.name}: %${value.id} is f64. ${(error as Error).message}`);
    }
  }
}
