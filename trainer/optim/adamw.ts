import { GraphBuilder } from "../../shared/graph/builder.ts";
import type { Graph, Value } from "../../shared/graph/graph.ts";
import type { Parameter } from "../../shared/peft/method.ts";

export interface AdamWConfig {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** The largest global norm of the gradients; longer ones are scaled down to it. 0 turns clipping off. */
  readonly maxGradNorm: number;
}

export const ADAMW_DEFAULTS: AdamWConfig = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, maxGradNorm: 1 };

/** Names of a parameter's tensors among the feeds and results of the update graph. */
export const slots = (name: string) => ({ parameter: name, gradient: `${name}#grad`, m: `${name}#m`, v: `${name}#v` });

/**
 * One AdamW step with global-norm clipping, as a graph (Loshchilov & Hutter 2019; the formulas and their order are
 * PyTorch's, with its clip_grad_norm_):
 *
 *   g ← g · min(1, max / (‖g‖ + 1e-6));  θ ← θ(1 − ηλ);  m ← β₁m + (1−β₁)g;  v ← β₂v + (1−β₂)g²
 *   θ ← θ − η/(1−β₁ᵗ) · m / (√v/√(1−β₂ᵗ) + ε)
 *
 * Inputs: every parameter with its gradient and moments (`slots`), and the scalars `lr`, `correction1` = 1−β₁ᵗ and
 * `correction2` = √(1−β₂ᵗ). Outputs: the new parameters and moments under the same names, and `grad_norm` before clipping.
 */
export function adamwGraph(parameters: readonly Parameter[], config: AdamWConfig): Graph {
  const b = new GraphBuilder("adamw");
  const lr = b.input("lr", "f32", []);
  const correction1 = b.input("correction1", "f32", []);
  const correction2 = b.input("correction2", "f32", []);
  const tensors = parameters.map((parameter) => {
    const names = slots(parameter.name);
    const input = (name: string) => b.input(name, "f32", parameter.shape);
    return {
      parameter,
      names,
      value: input(names.parameter),
      m: input(names.m),
      v: input(names.v),
      g: input(names.gradient),
    };
  });
  const squares = tensors.map(({ g }) =>
    b.reduceSum(
      b.square(g),
      g.shape.map((_, axis) => axis),
    ),
  );
  const norm = b.sqrt(squares.reduce((sum, square) => b.add(sum, square)));
  const scale = config.maxGradNorm > 0 ? b.min(b.div(config.maxGradNorm, b.add(norm, 1e-6)), 1) : undefined;

  const outputs: Record<string, Value> = { grad_norm: norm };
  const stepSize = b.div(lr, correction1);
  for (const { parameter, names, value, m, v, g } of tensors) {
    const clipped = scale === undefined ? g : b.mul(g, scale);
    const newM = b.add(b.mul(m, config.beta1), b.mul(clipped, 1 - config.beta1));
    const newV = b.add(b.mul(v, config.beta2), b.mul(b.square(clipped), 1 - config.beta2));
    const denominator = b.add(b.div(b.sqrt(newV), correction2), config.epsilon);
    const ofParameter = (rate: Value) => (parameter.rate === undefined ? rate : b.mul(rate, parameter.rate));
    const decays = parameter.decay && config.weightDecay > 0;
    const decayed = decays ? b.mul(value, b.sub(1, b.mul(ofParameter(lr), config.weightDecay))) : value;
    outputs[names.parameter] = b.sub(decayed, b.mul(ofParameter(stepSize), b.div(newM, denominator)));
    outputs[names.m] = newM;
    outputs[names.v] = newV;
  }
  return b.build(outputs);
}

/** What the update multiplies gradients of that global norm by. */
export function clippingFactor({ maxGradNorm }: AdamWConfig, norm: number): number {
  return maxGradNorm > 0 ? Math.min(1, maxGradNorm / (norm + 1e-6)) : 1;
}

/** The scalars of step `step`, counted from 1. */
export function adamwScalars(
  config: AdamWConfig,
  step: number,
  lr: number,
): Record<"lr" | "correction1" | "correction2", number> {
  return { lr, correction1: 1 - config.beta1 ** step, correction2: Math.sqrt(1 - config.beta2 ** step) };
}
