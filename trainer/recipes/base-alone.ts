import type { AttachedMethod } from "../../shared/peft/method.ts";
import type { OwnParameters } from "./objective.ts";

const NONE: OwnParameters = { parameters: [], initial: new Map() };

/**
 * The base in the form that a method holds it, with the delta off. Texts get no placeholders. The objective's
 * parameters in `own` remain.
 */
export function baseAlone({ frozen, replaced, rewrite }: AttachedMethod, own: OwnParameters = NONE): AttachedMethod {
  return {
    ...own,
    startsAsBase: true,
    randomInputs: () => [],
    ...(frozen === undefined ? {} : { frozen }),
    ...(replaced === undefined ? {} : { replaced }),
    rewrite: (context) => {
      const { product } = rewrite?.(context) ?? {};
      return product === undefined ? {} : { product };
    },
  };
}
