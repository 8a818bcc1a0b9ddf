import type { StepStates } from "../../../edge/serving/step-states.ts";

/** States with these logits, the rest made of them. */
export function statesOf(logits: Float32Array): StepStates {
  return { logits, final: logits.map((logit) => -logit), exits: new Map() };
}
