import type { GraphBuilder } from "../../shared/graph/builder.ts";
import type { Graph, Value } from "../../shared/graph/graph.ts";
import type { Parameter } from "../../shared/peft/method.ts";
import { gradient } from "../autodiff/gradient.ts";
import { slots } from "../optim/adamw.ts";

/**
 * Completes a forward graph into one micro-batch of training: outputs `loss`, and for every parameter its gradient added
 * to the accumulator that is fed in under the gradient's own name (`slots`). A `penalty` is minimised together with the
 * loss and is no part of what is reported, so that losses compare between methods, and with evaluation.
 */
export function gradientGraph(
  b: GraphBuilder,
  loss: Value,
  parameters: readonly Parameter[],
  weight: (name: string) => Value,
  penalty?: Value,
): Graph {
  const gradients = gradient(
    b,
    penalty === undefined ? loss : b.add(loss, penalty),
    parameters.map(({ name }) => weight(name)),
  );
  const outputs: Record<string, Value> = { loss };
  parameters.forEach(({ name, shape }, i) => {
    const { gradient: slot } = slots(name);
    outputs[slot] = b.add(b.input(slot, "f32", shape), gradients[i]!);
  });
  return b.build(outputs);
}
