import type { MicroBatch } from "../../loop/forward-backward.ts";
import type { MetricKinds } from "../../loop/metrics.ts";

/** A term of what a step minimises beside the objective's loss, which is reported without it. */
export interface StepCompanion {
  /** What it reports, by name. */
  readonly metrics: MetricKinds;
  /**
   * Its micro-batches of a step, counted from 0, and the tokens that they read: a pure function of the step. Their loss is 0 and
   * they have no trained tokens, since both are the objective's.
   */
  step(step: number): { readonly batches: readonly MicroBatch[]; readonly tokens: number };
}
