import { gradient } from "../../shared/autodiff/gradient.ts";
import { GraphBuilder } from "../../shared/graph/builder.ts";
import type { Graph, Value } from "../../shared/graph/graph.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import { EMBEDDING, HEAD, weightSpecs } from "../../shared/model/modules.ts";
import { type BatchShape, trainingForward } from "../../shared/model/training-forward.ts";
import type { Weights } from "../../shared/model/weights.ts";
import type { AttachedMethod, RewriteContext } from "../../shared/peft/method.ts";
import type { DType, Tensor } from "../../shared/tensor.ts";
import type { UnitFeedOptions } from "../data/unit-feeds.ts";
import type { NamedTensors } from "../engines/executor.ts";
import { gradientGraph } from "../loop/gradient-graph.ts";
import { kindsOf, type MetricKinds, metricOutputs } from "../loop/metrics.ts";
import type { Head } from "../losses/token-scores.ts";
import { slots } from "../optim/adamw.ts";
import { createLossContext, type LossBuilder, type LossContext, nextTokenLoss, shareOfStep } from "./loss-context.ts";

export interface CausalGraphOptions {
  readonly config: ModelConfig;
  readonly method: AttachedMethod;
  readonly shape: BatchShape;
  /** The loss on the logits; next-token cross-entropy by default. */
  readonly loss?: LossBuilder | undefined;
  /** How units are placed in a micro-batch; absent for losses that look only at tokens. */
  readonly units?: UnitFeedOptions | undefined;
  /**
   * N, the most labelled positions of a micro-batch: the head is computed for these alone, which the input `labelled` [N] i64 names.
   * Absent: for every position.
   */
  readonly labelled?: number | undefined;
}

/**
 * One micro-batch of training. Inputs: `tokens`, `positions`, `segments`, the loss's inputs, the base's weights, the
 * method's parameters and random inputs, and one gradient accumulator per parameter; outputs as `gradientGraph` says.
 */
export function trainingGraph(options: CausalGraphOptions): Graph {
  return trainingGraphWithMetrics(options).graph;
}

/** The same, and how its metrics combine over micro-batches. */
export function trainingGraphWithMetrics(options: CausalGraphOptions): { graph: Graph; metrics: MetricKinds } {
  const { method } = options;
  const b = new GraphBuilder("training_step");
  const { forward, head, rewrite, parameter } = forwardOf(b, options, true);
  const { units, labelled } = options;
  const context = createLossContext({ b, forward, head, training: true, parameter, units, labelled });
  const { loss, metrics } = (options.loss ?? nextTokenLoss)(context);
  const penalty = rewrite === undefined ? undefined : method.penalty?.(rewrite);
  const graph = gradientGraph(b, {
    loss,
    ...(metrics === undefined ? {} : { metrics }),
    // Each micro-batch takes its share, so that a step counts the penalty once.
    penalty: penalty === undefined ? undefined : b.mul(penalty, shareOfStep(context)),
    parameters: method.parameters,
    parameter,
  });
  return { graph, metrics: kindsOf(metrics) };
}

export interface CompanionGraphOptions extends Omit<CausalGraphOptions, "loss" | "units"> {
  readonly name: string;
  /** The metric that the loss is reported as. */
  readonly reported: string;
  /** A factor on the loss that is minimised, not on the one that is reported. */
  readonly weight: number;
  /** Parameters that it leaves alone, such as the head of another loss. */
  readonly untouched: ReadonlySet<string>;
}

/**
 * One micro-batch of next-token loss that joins a step of another loss: a gradient graph of the same parameters whose own `loss` is
 * 0, since it is not what the step reports.
 */
export function companionGraph(options: CompanionGraphOptions): Graph {
  const { method, name, reported, weight, untouched } = options;
  const b = new GraphBuilder(name);
  const { forward, head, parameter } = forwardOf(b, options, true);
  const { labelled } = options;
  const { loss } = nextTokenLoss(createLossContext({ b, forward, head, training: true, parameter, labelled }));
  const changed = method.parameters.filter((one) => !untouched.has(one.name));
  const gradients = gradient(
    b,
    b.mul(loss, weight),
    changed.map((one) => parameter(one.name)),
  );
  const outputs: Record<string, Value> = {
    loss: b.mul(b.detach(loss), 0),
    ...metricOutputs({ [reported]: { value: loss, kind: "sum" } }),
  };
  for (const { name, shape } of method.parameters) {
    const { gradient: slot } = slots(name);
    const accumulated = b.input(slot, "f32", shape);
    const index = changed.findIndex((one) => one.name === name);
    // Every gradient graph takes and gives all parameters and accumulators.
    if (index < 0) parameter(name);
    outputs[slot] = index < 0 ? b.detach(accumulated) : b.add(accumulated, gradients[index]!);
  }
  return b.build(outputs);
}

/** Only the `loss` of a batch and its metrics. Takes the same inputs without accumulators and random inputs. */
export function evaluationGraph(options: CausalGraphOptions): Graph {
  return evaluationGraphWithMetrics(options).graph;
}

export function evaluationGraphWithMetrics(options: CausalGraphOptions): { graph: Graph; metrics: MetricKinds } {
  const b = new GraphBuilder("evaluation");
  const { forward, head, parameter } = forwardOf(b, options, false);
  const { units, labelled } = options;
  const context = createLossContext({ b, forward, head, training: false, parameter, units, labelled });
  const { loss, metrics } = (options.loss ?? nextTokenLoss)(context);
  return { graph: b.build({ loss, ...metricOutputs(metrics) }), metrics: kindsOf(metrics) };
}

/** The values that `outputs` makes of a batch, without dropout. */
export function outputGraph(
  name: string,
  options: CausalGraphOptions,
  outputs: (context: LossContext) => Readonly<Record<string, Value>>,
): Graph {
  const b = new GraphBuilder(name);
  const { forward, head, parameter } = forwardOf(b, options, false);
  const { units, labelled } = options;
  return b.build(outputs(createLossContext({ b, forward, head, training: false, parameter, units, labelled })));
}

/** What the model predicts after every token: `logits` [B, T, V] of `tokens`, `positions` and `segments`, without dropout. */
export function predictionGraph(options: CausalGraphOptions): Graph {
  const b = new GraphBuilder("prediction");
  return b.build({ logits: forwardOf(b, options, false).forward.logits });
}

/**
 * The frozen inputs of the graphs of `method`: its own frozen tensors, and the base's weights that it does not replace.
 */
export function frozenTensors(weights: Weights, method: AttachedMethod): ReadonlyMap<string, Tensor> {
  const gone = new Set([...method.parameters.map(({ name }) => name), ...(method.replaced ?? [])]);
  const left = [...weights.keys()].filter((name) => !gone.has(name));
  return new Map<string, Tensor>([
    ...left.map((name) => [name, weights.get(name)!] as const),
    ...(method.frozen ?? []),
  ]);
}

/** The `tensors` that are inputs of `graph`. */
export function feedsFor(graph: Graph, tensors: NamedTensors): NamedTensors {
  const names = graph.inputs.map(({ name }) => name).filter((name) => Object.hasOwn(tensors, name));
  return Object.fromEntries(names.map((name) => [name, tensors[name]!]));
}

function forwardOf(b: GraphBuilder, { config, method, shape, units }: CausalGraphOptions, training: boolean) {
  const ofBase = new Set(weightSpecs(config).map((spec) => spec.name));
  const own = new Map<string, InputType>(method.parameters.map(({ name, shape }) => [name, { dtype: "f32", shape }]));
  for (const [name, { dtype, shape }] of method.frozen ?? []) if (!ofBase.has(name)) own.set(name, { dtype, shape });
  const ownInput = inputsOnUse(b, own);
  const random = inputsOnUse(
    b,
    new Map(method.randomInputs(shape).map(({ name, shape }) => [name, { dtype: "u8", shape }])),
  );
  let rewrite: RewriteContext | undefined;
  /** The places of the rows that the head is being computed for; absent: all of the batch. */
  let places: Value | undefined;
  const drawn = (name: string): Value => {
    const whole = random(name);
    if (places === undefined) return whole;
    const [width] = whole.shape.slice(-1) as [number];
    return b.gather(b.reshape(whole, [shape.rows * shape.tokens, width]), b.reshape(places, [1, places.shape[0]!]));
  };
  const forward = trainingForward(b, config, shape, {
    prefixTokens: method.prefixTokens ?? 0,
    branches: units?.form.sharesPrompt === true,
    rewrite: (positions, weight) => {
      rewrite = { b, config, parameter: ownInput, random: drawn, weight, positions, training };
      return method.rewrite?.(rewrite) ?? {};
    },
  });
  const parameter = (name: string): Value => (ofBase.has(name) ? forward.weight : ownInput)(name);
  const matrix = config.tied ? EMBEDDING : HEAD;
  const head: Head = {
    vocabulary: config.vocabSize,
    ...(method.parameters.some(({ name }) => name === matrix) ? {} : { matrix: forward.headMatrix }),
    logits(x, at) {
      const [rows, width] = x.shape as [number, number];
      places = at;
      try {
        return forward.head(b.reshape(x, [1, rows, width]));
      } finally {
        places = undefined;
      }
    },
  };
  return { forward, head, rewrite, parameter };
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
