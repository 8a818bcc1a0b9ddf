import type { AfterStep } from "../../shared/peft/method.ts";
import { f32, type Tensor, tensor } from "../../shared/tensor.ts";
import { DELTA, LOSSES } from "./value-graph.ts";

/** Memory of the loop: the step at which a fact was done, 0 before and −1 for places without one; and each fact's last loss. */
export const ENDED = "ended";
export const LOSS = "loss";

export interface ValueStops {
  /** The most ‖δ‖ of each fact. */
  readonly limits: readonly number[];
  readonly stopBelow: number;
}

/**
 * What happens to δ [F, D] after a step: a fact whose loss before the step was below `stopBelow`, or was the last to be computed, keeps
 * the δ of that loss from then on; the others are cut to their limits. Adam's moments stay as they are.
 */
export function valueStops({ limits, stopBelow }: ValueStops): AfterStep {
  return {
    memory: new Map([
      [ENDED, f32([limits.length], new Float32Array(limits.length))],
      [LOSS, f32([limits.length], new Float32Array(limits.length))],
    ]),
    apply({ step, totalSteps, values, before, observed }) {
      const { shape, data } = values.get(DELTA) as Tensor<"f32">;
      const width = shape[1]!;
      const old = before.get(DELTA)!.data;
      const losses = observed[0]![LOSSES]!.data as Float32Array;
      const [ended, last] = [values.get(ENDED)!.data.slice(), values.get(LOSS)!.data.slice()];
      const delta = data.slice();
      for (let fact = 0; fact < ended.length; fact++) {
        const [start, end] = [fact * width, (fact + 1) * width];
        if (ended[fact] === 0) {
          last[fact] = losses[fact]!;
          if (losses[fact]! < stopBelow || step === totalSteps) ended[fact] = step;
        }
        if (ended[fact] === 0) shorten(delta.subarray(start, end), limits[fact]!);
        else delta.set(old.subarray(start, end), start);
      }
      const numbers = (of: Float32Array) => tensor("f32", [of.length], of);
      return new Map([
        [DELTA, tensor("f32", shape, delta)],
        [ENDED, numbers(ended)],
        [LOSS, numbers(last)],
      ]);
    },
  };
}

function shorten(vector: Float32Array, most: number): void {
  let sum = 0;
  for (const value of vector) sum += value * value;
  const factor = most / Math.sqrt(sum);
  if (!(factor < 1)) return;
  for (let i = 0; i < vector.length; i++) vector[i]! *= factor;
}
