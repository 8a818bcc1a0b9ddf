import type { RandomInput } from "../../shared/peft/method.ts";
import { createRandom } from "../../shared/random.ts";
import { elementCount, type Tensor, tensor } from "../../shared/tensor.ts";

/** Which micro-batch of a run a mask belongs to. */
export interface MaskMoment {
  readonly seed: number;
  /** Counted from 0. */
  readonly step: number;
  /** The micro-batch within the step, counted from 0. */
  readonly micro: number;
}

/**
 * The masks of one micro-batch. Each has its own random stream, which depends only on the moment and the mask's name, so a run
 * that resumes at any step draws what an uninterrupted run would have drawn.
 */
export function drawMasks(inputs: readonly RandomInput[], { seed, step, micro }: MaskMoment): Record<string, Tensor> {
  return Object.fromEntries(
    inputs.map(({ name, shape, probability }) => {
      const { uint32 } = createRandom(seed, "dropout", step, micro, name);
      const threshold = probability * 0x100000000;
      const mask = new Uint8Array(elementCount(shape));
      for (let index = 0; index < mask.length; index++) mask[index] = uint32() >= threshold ? 1 : 0;
      return [name, tensor("u8", shape, mask)];
    }),
  );
}
