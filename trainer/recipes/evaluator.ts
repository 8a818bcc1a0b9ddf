import type { ModelConfig } from "../../shared/model/config.ts";
import type { Weights } from "../../shared/model/weights.ts";
import type { AttachedMethod } from "../../shared/peft/method.ts";
import type { Tensor } from "../../shared/tensor.ts";
import { evaluationBatches, type RowOptions } from "../data/batches.ts";
import type { Unit } from "../data/units.ts";
import type { Executor } from "../engines/executor.ts";
import { takenBy } from "../engines/feeds.ts";
import { MetricSums } from "../loop/metrics.ts";
import { baseAlone } from "./base-alone.ts";
import { evaluationGraphWithMetrics, feedsFor, frozenTensors } from "./causal-graphs.ts";
import type { LossBuilder } from "./loss-context.ts";
import type { OwnParameters } from "./objective.ts";
import type { RecipeContext } from "./recipe.ts";

/** A loss over fixed units, and the metrics that come with it. */
export interface Measurement {
  /** The mean loss: for a language model over the units' trained tokens, in nats. */
  readonly loss: number;
  readonly metrics: Readonly<Record<string, number>>;
}

/** Measures a method's parameters, without dropout. */
export interface Evaluator {
  measure(values: ReadonlyMap<string, Tensor>, units: readonly Unit[]): Promise<Measurement>;
  dispose(): Promise<void>;
}

export interface EvaluatorOptions {
  readonly config: ModelConfig;
  readonly weights: Weights;
  readonly method: AttachedMethod;
  readonly rows: RowOptions;
  /** Next-token cross-entropy by default. */
  readonly loss?: LossBuilder | undefined;
  /** Awaited after every batch. */
  readonly yieldToEventLoop: RecipeContext["yieldToEventLoop"];
}

/** Compiles the loss, without dropout, once for all measurements. The caller disposes the evaluator. */
export async function createEvaluator(executor: Executor, options: EvaluatorOptions): Promise<Evaluator> {
  const { config, weights, method, rows, loss, yieldToEventLoop } = options;
  const { graph, metrics } = evaluationGraphWithMetrics({ config, method, shape: rows.shape, loss, units: rows.units });
  const program = await executor.compile(graph, { bindings: takenBy(graph, frozenTensors(weights, method)) });
  return {
    async measure(values, units) {
      let sum = 0;
      const sums = new MetricSums(metrics);
      for (const { feeds } of evaluationBatches(units, rows)) {
        const outputs = await program.run({ ...feedsFor(graph, feeds), ...Object.fromEntries(values) });
        sum += Number(outputs.loss!.data[0]);
        sums.add(outputs);
        await yieldToEventLoop();
      }
      return { loss: sum, metrics: sums.result() };
    },
    dispose: () => program.dispose(),
  };
}

export interface BaseOptions extends EvaluatorOptions {
  /** The objective's own parameters, which its loss needs. */
  readonly own?: OwnParameters | undefined;
  /** Without placeholders. */
  readonly units: readonly Unit[];
}

/** Measures the base that the method is trained on, without the method. */
export async function measureBase(executor: Executor, { own, units, ...options }: BaseOptions): Promise<Measurement> {
  const method = baseAlone(options.method, own);
  const evaluator = await createEvaluator(executor, { ...options, method });
  try {
    return await evaluator.measure(method.initial, units);
  } finally {
    await evaluator.dispose();
  }
}
