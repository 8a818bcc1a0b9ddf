import { GraphBuilder } from "../../shared/graph/builder.ts";
import type { Graph, Value } from "../../shared/graph/graph.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import { weightSpecs } from "../../shared/model/modules.ts";
import { type BatchShape, trainingForward } from "../../shared/model/training-forward.ts";
import type { Weights } from "../../shared/model/weights.ts";
import type { AttachedMethod, RewriteContext } from "../../shared/peft/method.ts";
import type { DType, Tensor } from "../../shared/tensor.ts";
import { gradientGraph } from "../loop/gradient-graph.ts";
import { crossEntropy } from "../losses/cross-entropy.ts";

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
  const { b, loss, penalty, value } = lossOf("training_step", options, true);
  return gradientGraph(b, loss, options.method.parameters, value, penalty);
}

/** The `loss` of a batch alone: the same inputs without accumulators and random inputs. */
export function evaluationGraph(options: CausalGraphOptions): Graph {
  const { b, loss } = lossOf("evaluation", options, false);
  return b.build({ loss });
}

/** What the model predicts after every token: `logits` [B, T, V] of `tokens`, `positions` and `segments`, without dropout. */
export function predictionGraph(options: CausalGraphOptions): Graph {
  const b = new GraphBuilder("prediction");
  const { logits } = forwardOf(b, options, false);
  return b.build({ logits });
}

/**
 * How likely every target is: `logprobs` [B, T] of `tokens`, `positions`, `segments` and `targets`, without dropout, by the very
 * operators that the loss takes them from.
 */
export function scoringGraph(options: CausalGraphOptions): Graph {
  const b = new GraphBuilder("scoring");
  const { logits } = forwardOf(b, options, false);
  const [rows, tokens, vocabulary] = logits.shape as [number, number, number];
  const targets = b.input("targets", "i64", [rows, tokens]);
  const logprobs = b.logSoftmax(b.reshape(logits, [rows * tokens, vocabulary]));
  const picked = b.gatherElements(logprobs, b.reshape(targets, [rows * tokens, 1]));
  return b.build({ logprobs: b.reshape(picked, [rows, tokens]) });
}

/** What the graphs of `method` take besides data and parameters: the base's weights that it leaves alone, and its own. */
export function frozenTensors(weights: Weights, method: AttachedMethod): ReadonlyMap<string, Tensor> {
  const gone = new Set([...method.parameters.map(({ name }) => name), ...(method.replaced ?? [])]);
  const left = [...weights.keys()].filter((name) => !gone.has(name));
  return new Map<string, Tensor>([
    ...left.map((name) => [name, weights.get(name)!] as const),
    ...(method.frozen ?? []),
  ]);
}

function lossOf(name: string, options: CausalGraphOptions, training: boolean) {
  const b = new GraphBuilder(name);
  const { logits, context, value } = forwardOf(b, options, training);
  const { loss, share } = crossEntropy(b, logits);
  const penalty = training && context !== undefined ? options.method.penalty?.(context) : undefined;
  // Each micro-batch takes its share, so that a step has the penalty once.
  return { b, loss, penalty: penalty === undefined ? undefined : b.mul(penalty, share), value };
}

function forwardOf(b: GraphBuilder, { config, method, shape }: CausalGraphOptions, training: boolean) {
  const ofBase = new Set(weightSpecs(config).map((spec) => spec.name));
  const own = new Map<string, InputType>(method.parameters.map(({ name, shape }) => [name, { dtype: "f32", shape }]));
  for (const [name, { dtype, shape }] of method.frozen ?? []) if (!ofBase.has(name)) own.set(name, { dtype, shape });
  const parameter = inputsOnUse(b, own);
  const random = inputsOnUse(
    b,
    new Map(method.randomInputs(shape).map(({ name, shape }) => [name, { dtype: "u8", shape }])),
  );
  let context: RewriteContext | undefined;
  const forward = trainingForward(b, config, shape, {
    prefixTokens: method.prefixTokens ?? 0,
    rewrite: (positions, weight) => {
      context = { b, config, parameter, random, weight, positions, training };
      return method.rewrite?.(context) ?? {};
    },
  });
  const value = (name: string): Value => (ofBase.has(name) ? forward.weight : parameter)(name);
  return { logits: forward.logits, context, value };
}

interface InputType {
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** Hands out one graph input per name, made on first use. */
function inputsOnUse(b: GraphBuilder, types: ReadonlyMap<string, InputType>): (name: string) => Value {
  const made = new Map<string, Value>();
  return (name) => {
    const { dtype, shape } = types.get(name)!;
    const value = made.get(name) ?? b.input(name, dtype, shape);
    made.set(name, value);
    return value;
  };
}
