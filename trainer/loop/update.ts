import type { Graph } from "../../shared/graph/graph.ts";
import type { Parameter } from "../../shared/peft/method.ts";
import type { NamedTensors, Program } from "../engines/executor.ts";
import type { AdamWConfig } from "../optim/adamw.ts";

/** The optimizer's part of a step. */
export interface OptimizerUpdate {
  /** The tensors of a state, with each moment where the update keeps it. */
  adopt(tensors: NamedTensors): NamedTensors;
  /**
   * The new parameters and moments by the names of `slots`, and `grad_norm` before clipping. `gradients` are the summed
   * ones, `scalars` those of `adamwScalars`.
   */
  run(step: { tensors: NamedTensors; gradients: NamedTensors; scalars: NamedTensors }): Promise<NamedTensors>;
}

export interface UpdateOptions {
  readonly parameters: readonly Parameter[];
  readonly optimizer: AdamWConfig;
  /** Where moments are kept that do not stay in memory; all stay when left out. */
  readonly paging?: Paging;
  /** The caller disposes compiled programs. */
  readonly compile: (graph: Graph) => Promise<Program>;
}

/** Room for float32 numbers outside of memory, counted in numbers. What was never written is zero. */
export interface PageStore {
  read(start: number, into: Float32Array): void;
  write(start: number, from: Float32Array): void;
}

export interface Paging {
  readonly store: PageStore;
  /** Bytes of moments that may stay in memory, beside those of tensors too small to be worth a page. */
  readonly memoryLimit: number;
}
