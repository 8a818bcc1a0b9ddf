import { gradient } from "../../shared/autodiff/gradient.ts";
import type { GraphBuilder } from "../../shared/graph/builder.ts";
import type { Graph, Value } from "../../shared/graph/graph.ts";
import type { Parameter } from "../../shared/peft/method.ts";
import { slots } from "../optim/adamw.ts";
import { type GraphMetrics, metricOutputs } from "./metrics.ts";

export interface MicroBatchGraph {
  readonly loss: Value;
  /** Reported besides the loss; they have no gradient. */
  readonly metrics?: GraphMetrics;
  /**
   * A scalar that is minimised with the loss but not reported, so that losses can be compared between methods and with
   * evaluation.
   */
  readonly penalty?: Value | undefined;
  /** Further outputs, by names of their own; they have no gradient either. */
  readonly outputs?: Readonly<Record<string, Value>>;
  readonly parameters: readonly Parameter[];
  /** The graph's value of a parameter. */
  readonly parameter: (name: string) => Value;
}

/**
 * Completes a forward graph into one micro-batch of training: outputs `loss`, the metrics under the names of `metricOutput`,
 * and for every parameter its gradient, added to the accumulator that is fed under the gradient's name (`slots`).
 */
export function gradientGraph(
  b: GraphBuilder,
  { loss, metrics, penalty, outputs: further, parameters, parameter }: MicroBatchGraph,
): Graph {
  const gradients = gradient(
    b,
    penalty === undefined ? loss : b.add(loss, penalty),
    parameters.map(({ name }) => parameter(name)),
  );
  const outputs: Record<string, Value> = { loss, ...metricOutputs(metrics), ...further };
  parameters.forEach(({ name, shape }, i) => {
    const { gradient: slot } = slots(name);
    outputs[slot] = b.add(b.input(slot, "f32", shape), gradients[i]!);
  });
  return b.build(outputs);
}
