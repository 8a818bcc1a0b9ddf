import type { Value } from "../../shared/graph/graph.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import type { Weights } from "../../shared/model/weights.ts";
import type { AttachedMethod } from "../../shared/peft/method.ts";
import type { Tensor } from "../../shared/tensor.ts";
import { evaluationBatches, type RowOptions } from "../data/batches.ts";
import { type Unit, type UnitExample, unitsOf } from "../data/units.ts";
import type { Executor } from "../engines/executor.ts";
import { takenBy } from "../engines/feeds.ts";
import { feedsFor, frozenTensors, outputGraph } from "./causal-graphs.ts";
import type { LossContext } from "./loss-context.ts";
import type { RecipeContext } from "./recipe.ts";

export interface ScorerOptions {
  readonly config: ModelConfig;
  readonly weights: Weights;
  readonly method: AttachedMethod;
  readonly rows: Omit<RowOptions, "units">;
  /** Awaited after every batch. */
  readonly yieldToEventLoop: RecipeContext["yieldToEventLoop"];
}

/**
 * The log-probability of every trained token under these parameters, for each example of each unit: one number per id, 0 for
 * tokens that are not trained. No dropout.
 */
export type Scorer = (
  units: readonly Unit[],
  values: ReadonlyMap<string, Tensor>,
) => Promise<readonly (readonly Float32Array[])[]>;

/** Something per token, by name, for each example of each unit: one number per id, as a token column has them. */
export type TokenReader = (
  units: readonly Unit[],
  values: ReadonlyMap<string, Tensor>,
) => Promise<Readonly<Record<string, readonly (readonly Float32Array[])[]>>>;

/** The values [B, T] to read at the position that predicts a token, by name. */
export type TokenOutputs = (context: LossContext) => Readonly<Record<string, Value>>;

const logProbabilities: TokenOutputs = (context) => ({ log_probabilities: context.logProbabilities() });

/** Compiled when it is first used; `executor` owns the program. */
export function createScorer(executor: Executor, options: ScorerOptions): Scorer {
  const read = createTokenReader(executor, { ...options, name: "log_probabilities", outputs: logProbabilities });
  return async (units, values) => (await read(units, values)).log_probabilities!;
}

/** Reads `outputs` of texts. Compiled when it is first used; `executor` owns the program. */
export function createTokenReader(
  executor: Executor,
  options: ScorerOptions & { readonly name: string; readonly outputs: TokenOutputs },
): TokenReader {
  const { config, weights, method, yieldToEventLoop } = options;
  const { shape, packing, padId } = options.rows;
  const graph = outputGraph(options.name, { config, method, shape }, options.outputs);
  const bindings = takenBy(graph, frozenTensors(weights, method));
  const taken = new Set(graph.inputs.map(({ name }) => name));
  const names = graph.outputs.map(({ name }) => name);
  return async (units, values) => {
    const examples = units.flatMap((unit) => unit.examples);
    const read = Object.fromEntries(
      names.map((name) => [name, examples.map(({ ids }) => new Float32Array(ids.length))]),
    );
    const byUnits = () => Object.fromEntries(names.map((name) => [name, byUnit(units, read[name]!)]));
    if (units.length === 0) return byUnits();
    const program = await executor.compile(graph, { bindings });
    const used = Object.fromEntries([...values].filter(([name]) => taken.has(name)));
    // Numbers belong to single examples, so units need not stay together.
    for (const { feeds, places } of evaluationBatches(unitsOf(examples), { shape, packing, padId })) {
      const outputs = await program.run({ ...feedsFor(graph, feeds), ...used });
      for (const name of names) {
        const flat = outputs[name]!.data as Float32Array;
        // The position before a token predicts it.
        for (const { index, start, length, shared } of places) {
          read[name]![index]!.set(flat.subarray(start, start + length - 1), shared + 1);
        }
      }
      await yieldToEventLoop();
    }
    return byUnits();
  };
}

/** The units with a further token column of that name. */
export function withTokenColumn(
  units: readonly Unit[],
  name: string,
  scores: readonly (readonly Float32Array[])[],
): Unit[] {
  return units.map((unit, u) => ({
    ...unit,
    examples: unit.examples.map((example, k): UnitExample => {
      return { ...example, columns: { ...example.columns, [name]: scores[u]![k]! } };
    }),
  }));
}

function byUnit(units: readonly Unit[], scores: readonly Float32Array[]): Float32Array[][] {
  let next = 0;
  return units.map(({ examples }) => examples.map(() => scores[next++]!));
}
