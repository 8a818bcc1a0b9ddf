import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { messageOf, TrimtabError } from "../../shared/errors.ts";
import type { Graph, Named } from "../../shared/graph/graph.ts";
import { encodeOnnx } from "../../shared/graph/onnx.ts";
import { verify } from "../../shared/graph/verify.ts";
import type { DType, Tensor, TensorData } from "../../shared/tensor.ts";
import type { Append, CompileOptions, Executor, Feeds, NamedTensors, Program } from "./executor.ts";
import { checkFeeds, isWindow, openInputs, returnedOutputs, unheldInputs } from "./feeds.ts";
import { HostCache, hostCache } from "./host-cache.ts";
import { steadyThreads } from "./steady-rows.ts";

export interface OnnxRuntimeOptions {
  /** Threads within one op. The result's last bits depend on it, so a resumed run must use the same number. */
  readonly threads: number;
}

const ORT_TYPE = { f32: "float32", f64: "float64", i32: "int32", i64: "int64", u8: "uint8", bool: "bool" } as const;
const DTYPE_OF = Object.fromEntries(Object.entries(ORT_TYPE).map(([dtype, type]) => [type, dtype as DType]));

/**
 * Above this size, bindings are fed to every run from the caller's memory, without a copy. Below it they are baked into the
 * model: onnxruntime packs them for its kernels, which makes steps of few tokens up to three times as fast but costs four
 * copies while the session is created and two afterwards. At 1,024 tokens per step packing makes no difference.
 */
const BAKED_BYTES = 256 * 1024 * 1024;

/** Runs graphs on onnxruntime's CPU provider. This is the default executor. */
export function createOnnxRuntimeExecutor({ threads }: OnnxRuntimeOptions): Executor {
  return {
    name: "onnxruntime",
    backend: "cpu",
    async compile(graph: Graph, { bindings = new Map(), steadyRows = false }: CompileOptions = {}): Promise<Program> {
      verify(graph);
      const inputs = openInputs(graph, bindings);
      const { baked, fed } = divideBindings(bindings);
      const model = encodeOnnx(graph, baked);
      try {
        const session = await InferenceSession.create(model, {
          executionProviders: ["cpu"],
          intraOpNumThreads: steadyRows ? steadyThreads(graph, threads, (name) => baked.has(name)) : threads,
          interOpNumThreads: 1,
          executionMode: "sequential",
          graphOptimizationLevel: "all",
          // The memory plan made after the first run would be kept in addition to that run's memory, half as much again.
          enableMemPattern: false,
          logSeverityLevel: 3,
          extra: {
            session: { intra_op: { allow_spinning: "0" } },
            // It would add a bias before the sums of a product in graphs of fixed shapes only.
            optimization: { disable_specified_optimizers: "MatMulAddFusion" },
          },
        });
        return new OnnxRuntimeProgram(graph, { inputs, fed: toFeeds(fed), session });
      } catch (error) {
        throw new TrimtabError("invalid_graph", `onnxruntime refused ${graph.name}: ${messageOf(error)}`, {
          cause: error,
        });
      }
    },
    createCache: async (shape) => new HostCache(shape),
  };
}

type OrtFeeds = Readonly<Record<string, OrtTensor>>;

/**
 * If any binding is u8, all are fed: it is a base kept in 4 bits to save memory, and constant folding would expand it to
 * float32 permanently.
 */
function divideBindings(bindings: ReadonlyMap<string, Tensor>) {
  const tensors = [...bindings.values()];
  const total = tensors.reduce((sum, { data }) => sum + data.byteLength, 0);
  const bakes = total <= BAKED_BYTES && tensors.every(({ dtype }) => dtype !== "u8");
  return { baked: bakes ? bindings : new Map<string, Tensor>(), fed: bakes ? [] : [...bindings] };
}

/** Wraps the tensors without copying. */
function toFeeds(tensors: readonly (readonly [string, Tensor])[]): OrtFeeds {
  return Object.fromEntries(
    tensors.map(([name, { dtype, shape, data }]) => [name, new OrtTensor(ORT_TYPE[dtype], data as never, shape)]),
  );
}

interface Compiled {
  /** Inputs that every run must feed. */
  readonly inputs: readonly Named[];
  /** Bindings that are not baked into the model. */
  readonly fed: OrtFeeds;
  readonly session: InferenceSession;
}

class OnnxRuntimeProgram implements Program {
  readonly #graph: Graph;
  readonly #inputs: readonly Named[];
  readonly #session: InferenceSession;
  /** The standing feeds of every run: bindings that are not in the model, and held values. */
  #fed: OrtFeeds;
  #held: NamedTensors = {};
  #open: readonly Named[];

  constructor(graph: Graph, { inputs, fed, session }: Compiled) {
    this.#graph = graph;
    this.#inputs = inputs;
    this.#open = inputs;
    this.#fed = fed;
    this.#session = session;
  }

  async hold(values: NamedTensors): Promise<void> {
    const held = { ...this.#held, ...values };
    this.#open = unheldInputs(this.#graph.name, this.#inputs, held);
    this.#held = held;
    this.#fed = { ...this.#fed, ...toFeeds(Object.entries(values)) };
  }

  async run(feeds: Feeds, appends: Readonly<Record<string, Append>> = {}): Promise<Record<string, Tensor>> {
    checkFeeds(this.#graph.name, this.#open, feeds);
    const returned = new Set(returnedOutputs(this.#graph, appends));
    const results = await this.#session.run({ ...this.#fed, ...toFeeds(Object.entries(feeds).map(inHost)) });
    const outputs: Record<string, Tensor> = {};
    // The model's outputs have the graph's order, but may have other names: see encodeOnnx.
    for (const [i, output] of this.#graph.outputs.entries()) {
      const result = results[this.#session.outputNames[i]!]!;
      const dtype = DTYPE_OF[result.type]!;
      const tensor = { dtype, shape: result.dims, data: result.data as TensorData[DType] };
      if (returned.has(output)) outputs[output.name] = tensor;
      else hostCache(appends[output.name]!.window).append(output.name, appends[output.name]!, tensor);
    }
    return outputs;
  }

  async dispose(): Promise<void> {
    await this.#session.release();
  }
}

/** A window's slots are adjacent in memory, so they are fed without a copy. */
function inHost([name, feed]: readonly [string, Feeds[string]]): readonly [string, Tensor] {
  return [name, isWindow(feed) ? hostCache(feed).view(feed) : feed];
}
