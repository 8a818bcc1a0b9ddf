import type { Parameter } from "../../shared/peft/method.ts";
import { elementCount, f32, type Tensor } from "../../shared/tensor.ts";
import { slots } from "../optim/adamw.ts";
import type { Sections } from "./sections.ts";

/**
 * Everything a run needs to continue: the number of finished steps, each parameter with its two moments under the names of
 * `slots`, and what the method and the objective carry from step to step. Immutable: a step makes a new state, so a checkpoint
 * can be written while the next step runs, except that paged moments must be read before it starts.
 */
export interface TrainingState {
  readonly step: number;
  readonly trainedTokens: number;
  /** The last step's, in nats; absent before the first step. */
  readonly loss?: number;
  readonly tensors: Readonly<Record<string, Tensor>>;
  /** What the objective carries from step to step, by name; absent if it carries nothing. */
  readonly sections?: Sections;
}

/** The state before the first step: the given values and moments of zero. */
export function initialState(
  parameters: readonly Parameter[],
  values: ReadonlyMap<string, Tensor>,
  memory: ReadonlyMap<string, Tensor> = new Map(),
): TrainingState {
  const tensors: Record<string, Tensor> = Object.fromEntries(memory);
  const zeros = sharedZeros(parameters);
  for (const { name, shape } of parameters) {
    const names = slots(name);
    tensors[names.parameter] = values.get(name)!;
    tensors[names.m] = zeros(shape);
    tensors[names.v] = zeros(shape);
  }
  return { step: 0, trainedTokens: 0, tensors };
}

export function parameterValues(state: TrainingState, parameters: readonly Parameter[]): Map<string, Tensor<"f32">> {
  return new Map(parameters.map(({ name }) => [name, state.tensors[name] as Tensor<"f32">]));
}

/** Zeros in the shape of any of these parameters. All share one buffer, so they must only be read. */
export function sharedZeros(parameters: readonly Parameter[]): (shape: readonly number[]) => Tensor<"f32"> {
  const largest = parameters.reduce((most, { shape }) => Math.max(most, elementCount(shape)), 0);
  const zeros = new Float32Array(largest);
  return (shape) => f32(shape, zeros.subarray(0, elementCount(shape)));
}
