import type { TrainingState } from "../../loop/training-state.ts";
import type { Metrics } from "../recipe.ts";

/** Something that is measured beside the validation file, and reported with the steps after which it is. */
export interface Gauge {
  /** Whether it is measured after a step. */
  at(step: number): boolean;
  measure(state: TrainingState): Promise<Metrics>;
}
