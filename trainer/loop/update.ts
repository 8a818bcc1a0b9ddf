import type { Graph } from "../../shared/graph/graph.ts";
import type { Parameter } from "../../shared/peft/method.ts";
import type { NamedTensors, Program } from "../engines/executor.ts";
import type { AdamWConfig } from "../optim/adamw.ts";

/** The optimizer's part of a step. */
export interface OptimizerUpdate {
  /** A state's tensors, with each moment moved to where this update keeps it. */
  adopt(tensors: NamedTensors): NamedTensors;
  /**
   * The new parameters and moments under the names of `slots`, and `grad_norm` before clipping. `gradients` are summed over the
   * step; `scalars` come from `adamwScalars`.
   */
  run(step: { tensors: NamedTensors; gradients: NamedTensors; scalars: NamedTensors }): Promise<NamedTensors>;
}

export interface UpdateOptions {
  readonly parameters: readonly Parameter[];
  readonly optimizer: AdamWConfig;
  /** Where to keep the moments that leave memory. Without it, all of them stay. */
  readonly paging?: Paging;
  /** The caller disposes the programs it compiles. */
  readonly compile: (graph: Graph) => Promise<Program>;
}

/** Storage for float32 numbers outside memory, addressed by number. Unwritten numbers read as zero. */
export interface PageStore {
  read(start: number, into: Float32Array): void;
  write(start: number, from: Float32Array): void;
}

export interface Paging {
  readonly store: PageStore;
  /** Bytes of moments that may stay in memory, not counting tensors too small to be worth paging. */
  readonly memoryLimit: number;
}
