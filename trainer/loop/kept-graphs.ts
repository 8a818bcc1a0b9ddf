import type { Graph } from "../../shared/graph/graph.ts";
import type { Parameter } from "../../shared/peft/method.ts";
import type { AdamWConfig } from "../optim/adamw.ts";

/** What an update graph is built from; both are compared by identity. */
export interface UpdateGraphKey {
  readonly parameters: readonly Parameter[];
  readonly optimizer: AdamWConfig;
}

const kept = new WeakMap<readonly Parameter[], WeakMap<AdamWConfig, Map<string, Graph>>>();

/**
 * The graph of that name for these parameters: built on first use, and the same object from then on, so that a program cache
 * recognises it.
 */
export function keptGraph({ parameters, optimizer }: UpdateGraphKey, name: string, build: () => Graph): Graph {
  const ofParameters = kept.get(parameters) ?? new WeakMap<AdamWConfig, Map<string, Graph>>();
  kept.set(parameters, ofParameters);
  const named = ofParameters.get(optimizer) ?? new Map<string, Graph>();
  ofParameters.set(optimizer, named);
  const graph = named.get(name) ?? build();
  named.set(name, graph);
  return graph;
}
