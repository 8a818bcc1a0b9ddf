import type { ModelConfig } from "../../shared/model/config.ts";
import type { Weights } from "../../shared/model/weights.ts";
import type { AttachedMethod } from "../../shared/peft/method.ts";
import type { Tensor } from "../../shared/tensor.ts";
import { evaluationBatches, type RowOptions } from "../data/batches.ts";
import { endOf, type UnitExample, unitsOf } from "../data/units.ts";
import type { Executor } from "../engines/executor.ts";
import { takenBy } from "../engines/feeds.ts";
import { feedsFor, frozenTensors, outputGraph } from "./causal-graphs.ts";
import type { RecipeContext } from "./recipe.ts";

export interface FinalStateOptions {
  readonly config: ModelConfig;
  readonly weights: Weights;
  readonly method: AttachedMethod;
  readonly rows: Omit<RowOptions, "units">;
  /** Awaited after every batch. */
  readonly yieldToEventLoop: RecipeContext["yieldToEventLoop"];
}

/**
 * The head's input [D] after the token that ends each text, without dropout: what a scorer of whole texts reads. Texts have the
 * method's placeholders before them, and none is longer than a row.
 */
export type FinalStates = (
  texts: readonly UnitExample[],
  values: ReadonlyMap<string, Tensor>,
) => Promise<readonly Float32Array[]>;

/** Compiled when it is first used; `executor` owns the program. */
export function createFinalStates(executor: Executor, options: FinalStateOptions): FinalStates {
  const { config, weights, method, yieldToEventLoop } = options;
  const { shape, packing, padId } = options.rows;
  const width = config.hiddenSize;
  const graph = outputGraph("final_states", { config, method, shape }, ({ forward }) => ({
    final: forward.tap("final"),
  }));
  const bindings = takenBy(graph, frozenTensors(weights, method));
  const taken = new Set(graph.inputs.map(({ name }) => name));
  return async (texts, values) => {
    if (texts.length === 0) return [];
    const program = await executor.compile(graph, { bindings });
    const states: Float32Array[] = texts.map(() => new Float32Array());
    const used = Object.fromEntries([...values].filter(([name]) => taken.has(name)));
    for (const { feeds, places } of evaluationBatches(unitsOf(texts), { shape, packing, padId })) {
      const outputs = await program.run({ ...feedsFor(graph, feeds), ...used });
      const flat = outputs.final!.data as Float32Array;
      for (const { index, start } of places) {
        const at = (start + endOf(texts[index]!)) * width;
        states[index] = flat.slice(at, at + width);
      }
      await yieldToEventLoop();
    }
    return states;
  };
}
