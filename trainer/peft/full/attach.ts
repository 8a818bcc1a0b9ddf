import type { PeftSettings } from "../../../shared/api/methods.ts";
import { weightSpecs } from "../../../shared/model/modules.ts";
import type { AttachedMethod, AttachOptions } from "../method.ts";

export type FullSettings = Extract<PeftSettings, { type: "full" }>;

/** Every weight of the base trains and none is frozen; norms and biases go without weight decay. */
export function attachFull({ config, weights }: AttachOptions<FullSettings>): AttachedMethod {
  return {
    parameters: weightSpecs(config).map(({ name, shape }) => ({ name, shape, decay: shape.length > 1 })),
    initial: weights,
    randomInputs: () => [],
  };
}
