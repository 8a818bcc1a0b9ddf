import { adamwGraph, slots } from "../optim/adamw.ts";
import { keptGraph } from "./kept-graphs.ts";
import { createPagedUpdate } from "./paged-update.ts";
import type { OptimizerUpdate, UpdateOptions } from "./update.ts";

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
