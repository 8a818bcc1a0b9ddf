import type { Graph } from "../../shared/graph/graph.ts";
import type { Parameter } from "../../shared/peft/method.ts";
import type { Tensor } from "../../shared/tensor.ts";
import type { NamedTensors, Program } from "../engines/executor.ts";
import { slots } from "../optim/adamw.ts";
import { type MetricKinds, MetricSums } from "./metrics.ts";
import { sharedZeros } from "./training-state.ts";

export interface MicroBatch {
  readonly feeds: NamedTensors;
  /** Tokens of this micro-batch that count in the loss. */
  readonly trainedTokens: number;
  /**
   * The gradient graph for these feeds if it is not the plan's, for a batch of another shape or another term of the loss. It takes
   * the same parameters and accumulators, and gives the loss and the accumulators; it may lack metrics.
   */
  readonly graph?: Graph;
  /** The frozen inputs of `graph` if they are not the plan's; always the same for one graph. */
  readonly frozen?: ReadonlyMap<string, Tensor>;
}

/** Gradients, loss and metrics of the micro-batches so far. */
export interface Accumulated {
  /** Summed over the micro-batches. */
  readonly loss: number;
  readonly metrics: Readonly<Record<string, number>>;
  readonly trainedTokens: number;
  /** Summed over the micro-batches, not clipped, under the names of `slots`. */
  readonly gradients: NamedTensors;
  /** The outputs that were asked for, of each micro-batch. */
  readonly observed: readonly NamedTensors[];
}

export interface ForwardBackwardOptions {
  readonly parameters: readonly Parameter[];
  /** The parameters' values, by name. */
  readonly values: NamedTensors;
  readonly batches: readonly MicroBatch[];
  /** The compiled graph for a micro-batch. The caller disposes the programs. */
  readonly program: (batch: MicroBatch) => Promise<Program>;
  /** The metrics among the graphs' outputs. */
  readonly metrics?: MetricKinds;
  /** Further outputs of the graphs to return. */
  readonly observed?: readonly string[];
}

/**
 * The forward and backward pass over one step's micro-batches. `optimStep` takes the result. Mutates nothing. Throws what
 * `Program.run` throws.
 */
export async function forwardBackward(options: ForwardBackwardOptions): Promise<Accumulated> {
  const { parameters, values, batches, program, observed: names = [] } = options;
  const zeros = sharedZeros(parameters);
  let gradients: NamedTensors = Object.fromEntries(
    parameters.map(({ name, shape }) => [slots(name).gradient, zeros(shape)]),
  );
  const metrics = new MetricSums(options.metrics);
  let loss = 0;
  let trainedTokens = 0;
  const observed: NamedTensors[] = [];
  for (const batch of batches) {
    const outputs = await (await program(batch)).run({ ...batch.feeds, ...values, ...gradients });
    loss += Number(outputs.loss!.data[0]);
    trainedTokens += batch.trainedTokens;
    metrics.add(outputs);
    observed.push(Object.fromEntries(names.map((name) => [name, outputs[name]!])));
    gradients = Object.fromEntries(Object.keys(gradients).map((name) => [name, outputs[name]!]));
  }
  return { loss, metrics: metrics.result(), trainedTokens, gradients, observed };
}
