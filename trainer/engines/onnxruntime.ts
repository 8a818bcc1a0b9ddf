import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { messageOf, TrimtabError } from "../../shared/errors.ts";
import type { Graph, Named } from "../../shared/graph/graph.ts";
import { encodeOnnx } from "../../shared/graph/onnx.ts";
import { verify } from "../../shared/graph/verify.ts";
import type { DType, Tensor, TensorData } from "../../shared/tensor.ts";
import type { CompileOptions, Executor, NamedTensors, Program } from "./executor.ts";
import { checkFeeds, openInputs } from "./feeds.ts";

export interface OnnxRuntimeOptions {
  /** Threads inside one op. The result's last bits depend on it, so a resumed run must use the same number. */
  readonly threads: number;
}

const ORT_TYPE = { f32: "float32", f64: "float64", i32: "int32", i64: "int64", u8: "uint8", bool: "bool" } as const;
const DTYPE_OF = Object.fromEntries(Object.entries(ORT_TYPE).map(([dtype, type]) => [type, dtype as DType]));

/** Runs graphs on onnxruntime's CPU provider: the default executor, present wherever the package is installed. */
export function createOnnxRuntimeExecutor({ threads }: OnnxRuntimeOptions): Executor {
  return {
    name: "onnxruntime",
    backend: "cpu",
    async compile(graph: Graph, { bindings = new Map() }: CompileOptions = {}): Promise<Program> {
      verify(graph);
      const inputs = openInputs(graph, bindings);
      const model = encodeOnnx(graph, bindings);
      try {
        const session = await InferenceSession.create(model, {
          executionProviders: ["cpu"],
          intraOpNumThreads: threads,
          interOpNumThreads: 1,
          executionMode: "sequential",
          graphOptimizationLevel: "all",
          logSeverityLevel: 3,
          extra: { session: { intra_op: { allow_spinning: "0" } } },
        });
        return new OnnxRuntimeProgram(graph, inputs, session);
      } catch (error) {
        throw new TrimtabError("invalid_graph", `onnxruntime refused ${graph.name}: ${messageOf(error)}`, {
          cause: error,
        });
      }
    },
  };
}

class OnnxRuntimeProgram implements Program {
  readonly #graph: Graph;
  readonly #inputs: readonly Named[];
  readonly #session: InferenceSession;

  constructor(graph: Graph, inputs: readonly Named[], session: InferenceSession) {
    this.#graph = graph;
    this.#inputs = inputs;
    this.#session = session;
  }

  async run(feeds: NamedTensors): Promise<Record<string, Tensor>> {
    checkFeeds(this.#graph.name, this.#inputs, feeds);
    const ortFeeds: Record<string, OrtTensor> = {};
    for (const [name, { dtype, shape, data }] of Object.entries(feeds)) {
      ortFeeds[name] = new OrtTensor(ORT_TYPE[dtype], data as never, shape);
    }
    const results = await this.#session.run(ortFeeds);
    const outputs: Record<string, Tensor> = {};
    // The model's outputs come in the graph's order, but may have other names: see encodeOnnx.
    for (const [i, { name }] of this.#graph.outputs.entries()) {
      const result = results[this.#session.outputNames[i]!]!;
      const dtype = DTYPE_OF[result.type]!;
      outputs[name] = { dtype, shape: result.dims, data: result.data as TensorData[DType] };
    }
    return outputs;
  }

  async dispose(): Promise<void> {
    await this.#session.release();
  }
}
