import type { ModelConfig } from "../../shared/model/config.ts";
import type { Weights } from "../../shared/model/weights.ts";
import type { AttachedMethod } from "../../shared/peft/method.ts";
import type { Tensor } from "../../shared/tensor.ts";
import { evaluationBatches, type RowOptions } from "../data/batches.ts";
import type { TokenizedExample } from "../data/examples.ts";
import type { Executor } from "../engines/executor.ts";
import { takenBy } from "../engines/feeds.ts";
import { evaluationGraph, frozenTensors } from "./causal-graphs.ts";
import type { RecipeContext } from "./recipe.ts";

/** Measures a method's parameters on fixed examples. */
export interface Evaluator {
  /** Mean over the examples' labelled tokens, in nats. */
  loss(values: ReadonlyMap<string, Tensor>): Promise<number>;
  dispose(): Promise<void>;
}

export interface EvaluatorOptions {
  readonly config: ModelConfig;
  readonly weights: Weights;
  readonly method: AttachedMethod;
  readonly rows: RowOptions;
  /** At least one label among them. */
  readonly examples: readonly TokenizedExample[];
  /** Waited for after every batch. */
  readonly breathe: RecipeContext["breathe"];
}

/** The base in the form that a method holds it in, and nothing else of the method. */
function baseOf({ frozen, replaced, rewrite }: AttachedMethod): AttachedMethod {
  return {
    parameters: [],
    initial: new Map(),
    startsAsBase: true,
    randomInputs: () => [],
    ...(frozen === undefined ? {} : { frozen }),
    ...(replaced === undefined ? {} : { replaced }),
    rewrite: (context) => {
      const { product } = rewrite?.(context) ?? {};
      return product === undefined ? {} : { product };
    },
  };
}

/** The loss of the base that the method is trained on, without the method, on examples without placeholders. */
export async function lossOfBase(executor: Executor, options: EvaluatorOptions): Promise<number> {
  const evaluator = await createEvaluator(executor, { ...options, method: baseOf(options.method) });
  try {
    return await evaluator.loss(new Map());
  } finally {
    await evaluator.dispose();
  }
}

/** Compiles the loss alone, without dropout, once for all measurements. */
export async function createEvaluator(executor: Executor, options: EvaluatorOptions): Promise<Evaluator> {
  const { config, weights, method, rows, breathe } = options;
  const batches = evaluationBatches(options.examples, rows);
  const graph = evaluationGraph({ config, method, shape: rows.shape });
  const program = await executor.compile(graph, { bindings: takenBy(graph, frozenTensors(weights, method)) });
  return {
    async loss(values) {
      let sum = 0;
      for (const { feeds } of batches) {
        const { loss } = await program.run({ ...feeds, ...Object.fromEntries(values) });
        sum += Number(loss!.data[0]);
        await breathe();
      }
      return sum;
    },
    dispose: () => program.dispose(),
  };
}
