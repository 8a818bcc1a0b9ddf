import { GraphBuilder } from "../../shared/graph/builder.ts";
import type { Graph, Value } from "../../shared/graph/graph.ts";
import type { Parameter } from "../../shared/peft/method.ts";

export interface AdamWConfig {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** Gradients whose global norm exceeds this are scaled down to it. 0 turns clipping off. */
  readonly maxGradNorm: number;
}

export const ADAMW_DEFAULTS: AdamWConfig = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, maxGradNorm: 1 };

/** Names of a parameter's tensors among the update graph's inputs and outputs. */
export const slots = (name: string) => ({ parameter: name, gradient: `${name}#grad`, m: `${name}#m`, v: `${name}#v` });

/**
 * One AdamW step with global-norm clipping, as a graph (Loshchilov & Hutter 2019). The formulas and their order follow PyTorch,
 * including its clip_grad_norm_:
 *
 *   g ← g · min(1, max / (‖g‖ + 1e-6));  θ ← θ(1 − ηλ);  m ← β₁m + (1−β₁)g;  v ← β₂v + (1−β₂)g²
 *   θ ← θ − η/(1−β₁ᵗ) · m / (√v/√(1−β₂ᵗ) + ε)
 *
 * Inputs: every parameter with its gradient and moments (`slots`), and the scalars `lr`, `correction1` = 1−β₁ᵗ and
 * `correction2` = √(1−β₂ᵗ). Outputs: the new parameters and moments under the same names, and `grad_norm` before clipping.
 */
export function adamwGraph(parameters: readonly Parameter[], config: AdamWConfig): Graph {
  const b = new GraphBuilder("adamw");
  const gradients = parameters.map(({ name, shape }) => b.input(slots(name).gradient, "f32", shape));
  const norm = globalNorm(b, gradients);
  return b.build({ grad_norm: norm, ...updates(b, { parameters, gradients, norm, config }) });
}

/** The same update for some of the parameters, given the `grad_norm` of all. */
export function adamwPartGraph(parameters: readonly Parameter[], config: AdamWConfig): Graph {
  const b = new GraphBuilder("adamw_part");
  const gradients = parameters.map(({ name, shape }) => b.input(slots(name).gradient, "f32", shape));
  return b.build(updates(b, { parameters, gradients, norm: b.input("grad_norm", "f32", []), config }));
}

/** The `grad_norm` of all parameters, from their gradients. */
export function gradientNormGraph(parameters: readonly Parameter[]): Graph {
  const b = new GraphBuilder("gradient_norm");
  const gradients = parameters.map(({ name, shape }) => b.input(slots(name).gradient, "f32", shape));
  return b.build({ grad_norm: globalNorm(b, gradients) });
}

/** Names of the page graph's tensors. */
export const PAGE = "page";

/**
 * The same update, bit for bit, for a page of `elements` elements of one parameter. The parameter's constants are inputs here:
 * the scalars `rate` and `weight_decay`. Inputs and outputs are named as for a parameter called `PAGE`.
 */
export function adamwPageGraph(elements: number, config: AdamWConfig): Graph {
  const b = new GraphBuilder("adamw_page");
  const names = slots(PAGE);
  const input = (name: string) => b.input(name, "f32", [elements]);
  const step = updateStep(b, b.input("grad_norm", "f32", []), config);
  const outputs = updated(
    step,
    { value: input(names.parameter), m: input(names.m), v: input(names.v), g: input(names.gradient) },
    { rate: b.input("rate", "f32", []), weightDecay: b.input("weight_decay", "f32", []) },
  );
  return b.build({ [names.parameter]: outputs.value, [names.m]: outputs.m, [names.v]: outputs.v });
}

/** ‖g‖ over all gradients combined. */
function globalNorm(b: GraphBuilder, gradients: readonly Value[]): Value {
  const squares = gradients.map((g) =>
    b.reduceSum(
      b.square(g),
      g.shape.map((_, axis) => axis),
    ),
  );
  return b.sqrt(squares.reduce((sum, square) => b.add(sum, square)));
}

interface UpdateStep {
  readonly b: GraphBuilder;
  readonly config: AdamWConfig;
  readonly lr: Value;
  /** η/(1−β₁ᵗ) */
  readonly stepSize: Value;
  readonly correction2: Value;
  /** The factor that clipping applies to gradients; undefined without clipping. */
  readonly scale: Value | undefined;
}

function updateStep(b: GraphBuilder, norm: Value, config: AdamWConfig): UpdateStep {
  const lr = b.input("lr", "f32", []);
  const correction1 = b.input("correction1", "f32", []);
  const correction2 = b.input("correction2", "f32", []);
  const scale = config.maxGradNorm > 0 ? b.min(b.div(config.maxGradNorm, b.add(norm, 1e-6)), 1) : undefined;
  return { b, config, lr, stepSize: b.div(lr, correction1), correction2, scale };
}

interface ParameterState {
  readonly value: Value;
  readonly m: Value;
  readonly v: Value;
}

function updated(
  { b, config, lr, stepSize, correction2, scale }: UpdateStep,
  { value, m, v, g }: ParameterState & { readonly g: Value },
  of: { readonly rate: Value | number | undefined; readonly weightDecay: Value | number },
): ParameterState {
  const clipped = scale === undefined ? g : b.mul(g, scale);
  const newM = b.add(b.mul(m, config.beta1), b.mul(clipped, 1 - config.beta1));
  const newV = b.add(b.mul(v, config.beta2), b.mul(b.square(clipped), 1 - config.beta2));
  const denominator = b.add(b.div(b.sqrt(newV), correction2), config.epsilon);
  const ofParameter = (rate: Value) => (of.rate === undefined ? rate : b.mul(rate, of.rate));
  const decayed = of.weightDecay === 0 ? value : b.mul(value, b.sub(1, b.mul(ofParameter(lr), of.weightDecay)));
  return { value: b.sub(decayed, b.mul(ofParameter(stepSize), b.div(newM, denominator))), m: newM, v: newV };
}

/** The new parameters and moments, named by `slots`. */
function updates(
  b: GraphBuilder,
  {
    parameters,
    gradients,
    norm,
    config,
  }: { parameters: readonly Parameter[]; gradients: readonly Value[]; norm: Value; config: AdamWConfig },
): Record<string, Value> {
  const step = updateStep(b, norm, config);
  const outputs: Record<string, Value> = {};
  parameters.forEach(({ name, shape, rate, decay }, i) => {
    const names = slots(name);
    const input = (slot: string) => b.input(slot, "f32", shape);
    const state = { value: input(names.parameter), m: input(names.m), v: input(names.v), g: gradients[i]! };
    const { value, m, v } = updated(step, state, { rate, weightDecay: decay ? config.weightDecay : 0 });
    outputs[names.parameter] = value;
    outputs[names.m] = m;
    outputs[names.v] = v;
  });
  return outputs;
}

/** The factor that the update applies to gradients with that global norm. */
export function clippingFactor({ maxGradNorm }: AdamWConfig, norm: number): number {
  return maxGradNorm > 0 ? Math.min(1, maxGradNorm / (norm + 1e-6)) : 1;
}

/** The update graph's scalar inputs at step `step`, counted from 1. */
export function adamwScalars(
  config: AdamWConfig,
  step: number,
  lr: number,
): Record<"lr" | "correction1" | "correction2", number> {
  return { lr, correction1: 1 - config.beta1 ** step, correction2: Math.sqrt(1 - config.beta2 ** step) };
}
