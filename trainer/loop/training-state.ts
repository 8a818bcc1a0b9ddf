import type { Parameter } from "../../shared/peft/method.ts";
import { type Tensor, zeros } from "../../shared/tensor.ts";
import { slots } from "../optim/adamw.ts";

/**
 * Everything a run needs to go on: the number of finished steps, and each parameter with its two moments under the names
 * of `slots`, beside what the method remembers from step to step. Immutable: a step makes a new state, so a checkpoint may be written while the next step runs.
 */
export interface TrainingState {
  readonly step: number;
  readonly trainedTokens: number;
  /** Of the last step, in nats; left out before the first one. */
  readonly loss?: number;
  readonly tensors: Readonly<Record<string, Tensor>>;
}

/** The state before the first step: the given values and moments of zero. */
export function initialState(
  parameters: readonly Parameter[],
  values: ReadonlyMap<string, Tensor>,
  memory: ReadonlyMap<string, Tensor> = new Map(),
): TrainingState {
  const tensors: Record<string, Tensor> = Object.fromEntries(memory);
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
