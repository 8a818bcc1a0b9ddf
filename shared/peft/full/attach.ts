import { weightSpecs } from "../../model/modules.ts";
import type { AttachedMethod, AttachOptions, MethodPlan, PlanOptions } from "../method.ts";
import type { FullSettings } from "./settings.ts";

/** Trains every weight of the base, with no weight decay on norms and biases. */
export function attachFull(options: AttachOptions<FullSettings>): AttachedMethod {
  return {
    parameters: planFull(options).parameters,
    initial: options.weights,
    startsAsBase: true,
    randomInputs: () => [],
  };
}

export function planFull({ config }: PlanOptions<FullSettings>): MethodPlan {
  return {
    parameters: weightSpecs(config).map(({ name, shape }) => ({ name, shape, decay: shape.length > 1 })),
    serving: { rank: 0, vectors: 0, columns: 0, positions: 0 },
  };
}
