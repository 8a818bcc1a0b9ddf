import { GraphBuilder } from "../../shared/graph/builder.ts";
import type { Graph, Value } from "../../shared/graph/graph.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import { weightInputs } from "../../shared/model/forward.ts";
import { weightSpecs } from "../../shared/model/modules.ts";
import { type BatchShape, trainingForward } from "../../shared/model/training-forward.ts";
import type { Weights } from "../../shared/model/weights.ts";
import { gradientGraph } from "../loop/gradient-graph.ts";
import { crossEntropy } from "../losses/cross-entropy.ts";
import type { AttachedMethod } from "../peft/method.ts";

export interface CausalGraphOptions {
  readonly config: ModelConfig;
  readonly method: AttachedMethod;
  readonly shape: BatchShape;
}

/**
 * One micro-batch of next-token training. Inputs: `tokens`, `positions`, `segments`, `targets`, `weights`, `total`, the
 * base's weights, the method's parameters and random inputs, and one gradient accumulator per parameter; outputs as
 * `gradientGraph` says.
 */
export function trainingGraph(options: CausalGraphOptions): Graph {
  const { b, loss, value } = lossOf("training_step", options, true);
  return gradientGraph(b, loss, options.method.parameters, value);
}

/** The `loss` of a batch alone: the same inputs without accumulators and random inputs. */
export function evaluationGraph(options: CausalGraphOptions): Graph {
  const { b, loss } = lossOf("evaluation", options, false);
  return b.build({ loss });
}

/** The base's weights that `method` leaves alone. */
export function frozenWeights(weights: Weights, method: AttachedMethod): Weights {
  const trained = new Set(method.parameters.map(({ name }) => name));
  return new Map([...weights].filter(([name]) => !trained.has(name)));
}

function lossOf(name: string, { config, method, shape }: CausalGraphOptions, training: boolean) {
  const b = new GraphBuilder(name);
  const parameter = weightInputs(b, new Map(method.parameters.map(({ name, shape }) => [name, shape])));
  const rewrite = method.rewrite?.({ b, parameter, training });
  const { logits, weight } = trainingForward(b, config, shape, rewrite);
  const ofBase = new Set(weightSpecs(config).map((spec) => spec.name));
  const value = (name: string): Value => (ofBase.has(name) ? weight : parameter)(name);
  return { b, loss: crossEntropy(b, logits), value };
}
