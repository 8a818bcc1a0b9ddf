import type { TrainingSettings } from "../../../shared/api/methods.ts";
import { AUTO_BETA } from "../../../shared/api/preference-methods.ts";

/** Settings with OpenAI's `beta`. */
export interface BetaSettings extends TrainingSettings {
  readonly hyperparameters: TrainingSettings["hyperparameters"] & { readonly beta: number | "auto" };
}

export type BetaType = keyof typeof AUTO_BETA;

/** The number that `beta` stands for. */
export function betaOf(type: BetaType, { hyperparameters: { beta } }: BetaSettings): number {
  return beta === "auto" ? AUTO_BETA[type] : beta;
}
