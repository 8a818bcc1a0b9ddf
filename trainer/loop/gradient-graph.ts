import type { GraphBuilder } from "../../shared/graph/builder.ts";
import type { Graph, Value } from "../../shared/graph/graph.ts";
import type { Parameter } from "../../shared/peft/method.ts";
import { gradient } from "../autodiff/gradient.ts";
import { slots } from "../optim/adamw.ts";

/**
 * Completes a forward graph into one micro-batch of training: outputs `loss`, and for every parameter its gradient added
 * to the accumulator that is fed in under the gradient's own name (`slots`).
 */
export function gradientGraph(
  b: GraphBuilder,
  loss: Value,
  parameters: readonly Parameter[],
  weight: (name: string) => Value,
): Graph {
  const gradients = gradient(
    b,
    loss,
    parameters.map(({ name }) => weight(name)),
  );
  const outputs: Record<string, Value> = { loss };
  parameters.forEach(({ name, shape }, i) => {
    const { gradient: slot } = slots(name);
    outputs[slot] = b.add(b.input(slot, "f32", shape), gradients[i]!);
  });
  return b.build(outputs);
}
