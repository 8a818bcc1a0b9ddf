import type { AfterStep, Parameter } from "../../shared/peft/method.ts";
import { f32, type Tensor } from "../../shared/tensor.ts";
import type { NamedTensors } from "../engines/executor.ts";
import { type AdamWConfig, clippingFactor, slots } from "../optim/adamw.ts";

export interface FinishedStep {
  readonly step: number;
  readonly totalSteps: number;
  /** The state's tensors before the step. */
  readonly before: NamedTensors;
  /** The state's tensors after the optimizer's update, with the method's memory as it was before the step. */
  readonly tensors: NamedTensors;
  /** Summed over the micro-batches, not clipped, under the names of `slots`. */
  readonly gradients: NamedTensors;
  readonly observed: readonly NamedTensors[];
  readonly gradNorm: number;
}

/** The state's tensors after the method's work between two steps. Mutates nothing. */
export function applyAfterStep(
  { memory, apply }: AfterStep,
  { parameters, optimizer }: { readonly parameters: readonly Parameter[]; readonly optimizer: AdamWConfig },
  { step, totalSteps, before, tensors, gradients, observed, gradNorm }: FinishedStep,
): NamedTensors {
  const factor = clippingFactor(optimizer, gradNorm);
  const value = (name: string) => tensors[name] as Tensor<"f32">;
  const changed = apply({
    step,
    totalSteps,
    values: new Map([...parameters.map(({ name }) => name), ...memory.keys()].map((name) => [name, value(name)])),
    before: new Map(parameters.map(({ name }) => [name, before[name] as Tensor<"f32">])),
    observed,
    gradients: new Map(parameters.map(({ name }) => [name, scaled(gradients[slots(name).gradient]!, factor)])),
  });
  return { ...tensors, ...Object.fromEntries(changed) };
}

function scaled({ shape, data }: Tensor, factor: number): Tensor<"f32"> {
  return f32(
    shape,
    (data as Float32Array).map((value) => value * factor),
  );
}
