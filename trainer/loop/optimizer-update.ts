import type { Graph } from "../../shared/graph/graph.ts";
import type { Parameter } from "../../shared/peft/method.ts";
import type { NamedTensors, Program } from "../engines/executor.ts";
import { type AdamWConfig, adamwGraph, slots } from "../optim/adamw.ts";
import { keptGraph } from "./kept-graphs.ts";
import { createPagedUpdate, type Paging } from "./paged-update.ts";

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

export async function createUpdate({ paging, ...options }: UpdateOptions): Promise<OptimizerUpdate> {
  if (paging !== undefined) return createPagedUpdate({ ...options, paging });
  const { parameters, optimizer, compile } = options;
  const program = await compile(keptGraph({ parameters, optimizer }, "adamw", () => adamwGraph(parameters, optimizer)));
  const updated = parameters.flatMap(({ name }) => [slots(name).parameter, slots(name).m, slots(name).v]);
  return {
    adopt: (tensors) => tensors,
    run: ({ tensors, gradients, scalars }) => {
      const own = Object.fromEntries(updated.map((name) => [name, tensors[name]!]));
      return program.run({ ...own, ...gradients, ...scalars });
    },
  };
}
