import type { Graph } from "../../shared/graph/graph.ts";
import type { Shape } from "../../shared/graph/value-type.ts";
import { type DenseMatrix, matrix, sizes } from "../../shared/linalg/matrix.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import { weightName } from "../../shared/model/modules.ts";
import type { Weights } from "../../shared/model/weights.ts";
import type { Tensor } from "../../shared/tensor.ts";
import { tensor } from "../../shared/tensor.ts";
import type { Executor, NamedTensors, Program } from "../engines/executor.ts";
import { takenBy, withoutUnread } from "../engines/feeds.ts";
import { createProgramCache, type ProgramCache } from "../loop/program-cache.ts";

/** The module that edits change, and whose input is a fact's key. */
export const editedModule = (layer: number) => `layers.${layer}.mlp.down_proj`;
export const keyTap = (layer: number) => `${editedModule(layer)}.input`;
const editedWeight = (layer: number) => weightName(editedModule(layer));

/**
 * Programs that are kept whatever their size, and the bytes up to which more are. Facts of many lengths have many graphs, each with the
 * memory of its largest run: with all of them kept, 900 facts took 10 GB. Those of single facts are small, and take longer to make than to run.
 */
const MOST_PROGRAMS = 12;
const MOST_BYTES = 1024 ** 3;

export interface EditModelOptions {
  readonly executor: Executor;
  readonly config: ModelConfig;
  readonly weights: Weights;
  /** The layers that may change. */
  readonly layers: readonly number[];
  /** Awaited after every run of a graph. */
  readonly yieldToEventLoop: () => Promise<void>;
  /** How changed weights are handed to the executor: in 32 bits. Only tests in double precision have others. */
  readonly narrow?: (values: Float64Array) => Float32Array;
}

/** A graph without unread inputs, and the frozen tensors that it reads. */
export interface BoundGraph {
  readonly graph: Graph;
  readonly bindings: ReadonlyMap<string, Tensor>;
}

/** The product of factors A [in, n] and B [n, out]: a change of W [in, out]. */
export interface Factors {
  readonly a: DenseMatrix;
  readonly b: DenseMatrix;
}

/**
 * A model whose edited weights change from solve to solve, while its programs stay: the weights that may change are fed, all others
 * bound. Changes are summed in float64. `dispose` frees the programs.
 */
export class EditModel {
  readonly config: ModelConfig;
  readonly layers: readonly number[];
  readonly yieldToEventLoop: () => Promise<void>;
  /** Keeps the programs that were used last. */
  readonly executor: ProgramCache;
  readonly #weights: Weights;
  readonly #narrow: (values: Float64Array) => Float32Array;
  readonly #graphs = new Map<string, BoundGraph>();
  readonly #values = new Map<number, Float64Array>();
  readonly #narrowed = new Map<number, Tensor<"f32">>();

  constructor({ executor, config, weights, layers, yieldToEventLoop, narrow }: EditModelOptions) {
    this.config = config;
    this.layers = layers;
    this.yieldToEventLoop = yieldToEventLoop;
    this.executor = createProgramCache(executor, { most: MOST_PROGRAMS, room: { total: MOST_BYTES, sizeOf } });
    this.#weights = weights;
    this.#narrow = narrow ?? ((values) => Float32Array.from(values));
  }

  /** W [in, out] of an editable layer as it is now. A copy. */
  weight(layer: number): DenseMatrix {
    const { shape, data } = this.#weights.get(editedWeight(layer))!;
    return matrix(shape[0]!, shape[1]!, Float64Array.from(this.#values.get(layer) ?? data));
  }

  /** Adds AB to an editable layer's weight. */
  change(layer: number, { a, b }: Factors): void {
    const { data } = this.weight(layer);
    const [rows, rank] = sizes(a);
    const columns = sizes(b)[1];
    for (let row = 0; row < rows; row++) {
      const target = data.subarray(row * columns, (row + 1) * columns);
      for (let inner = 0; inner < rank; inner++) {
        const factor = a.data[row * rank + inner]!;
        for (let column = 0; column < columns; column++) target[column]! += factor * b.data[inner * columns + column]!;
      }
    }
    this.#values.set(layer, data);
    this.#narrowed.delete(layer);
  }

  /** The editable weights as they are now, by name. */
  values(): ReadonlyMap<string, Tensor<"f32">> {
    return new Map(this.layers.map((layer) => [editedWeight(layer), this.#tensor(layer)]));
  }

  /** Takes all changes back. */
  reset(): void {
    this.#values.clear();
    this.#narrowed.clear();
  }

  /** The graph of that name, built on first use. */
  graph(name: string, build: () => Graph): BoundGraph {
    const known = this.#graphs.get(name);
    if (known !== undefined) return known;
    const graph = withoutUnread(build());
    const editable = new Set(this.layers.map(editedWeight));
    const frozen = takenBy(graph, this.#weights);
    const made = { graph, bindings: new Map([...frozen].filter(([weight]) => !editable.has(weight))) };
    this.#graphs.set(name, made);
    return made;
  }

  /** The editable weights that a graph reads, as they are now. */
  current({ graph }: Pick<BoundGraph, "graph">): NamedTensors {
    const read = new Set(graph.inputs.map(({ name }) => name));
    const layers = this.layers.filter((layer) => read.has(editedWeight(layer)));
    return Object.fromEntries(layers.map((layer) => [editedWeight(layer), this.#tensor(layer)]));
  }

  /** Runs the graph of that name on the weights as they are now. */
  async run(name: string, build: () => Graph, feeds: NamedTensors): Promise<Record<string, Tensor>> {
    const bound = this.graph(name, build);
    const program: Program = await this.executor.compile(bound.graph, { bindings: bound.bindings });
    const outputs = await program.run({ ...feeds, ...this.current(bound) });
    await this.yieldToEventLoop();
    return outputs;
  }

  dispose(): Promise<void> {
    return this.executor.dispose();
  }

  #tensor(layer: number): Tensor<"f32"> {
    const weight = this.#weights.get(editedWeight(layer))!;
    const values = this.#values.get(layer);
    if (values === undefined) return weight;
    const made = this.#narrowed.get(layer) ?? tensor("f32", weight.shape, this.#narrow(values));
    this.#narrowed.set(layer, made);
    return made;
  }
}

/** Values that are computed, as a share of them, take their memory at a time; measured of graphs of values. */
const LIVE = 1 / 7;

/** About the memory of a program: its frozen tensors, twice where the executor packs them, and what a run holds. */
function sizeOf({ graph, bindings }: BoundGraph): number {
  const frozen = [...bindings.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
  const values = graph.nodes.flatMap(({ outputs }) => outputs).reduce((sum, { shape }) => sum + elementsOf(shape), 0);
  return 2 * frozen + LIVE * 4 * values;
}

/** A dimension without a number counts as 1; graphs of edits have none. */
const elementsOf = (shape: Shape) =>
  shape.reduce<number>((all, size) => (typeof size === "number" ? all * size : all), 1);
