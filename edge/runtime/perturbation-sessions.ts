import { encodeOnnx } from "../../shared/graph/onnx.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import {
  nameOf,
  type PerturbationFeatures,
  perturbationGraph,
  perturbedStepGraph,
} from "../../shared/model/perturbation-graph.ts";
import type { OrtModule } from "./ort-module.ts";
import { createSession, type NamedTensors, type Session } from "./session.ts";

/** Two graphs for each kind of row. */
const MOST = 4;

const GRAPHS = { perturbation: perturbationGraph, "perturbed-step": perturbedStepGraph } as const;
export type PerturbationGraphKind = keyof typeof GRAPHS;

/** The compiled graphs that perturb texts, compiled when one is first needed; those used last are kept. */
export class PerturbationSessions {
  readonly #ort: OrtModule;
  readonly #config: ModelConfig;
  readonly #capacity: number;
  /** By the graph's name; the one used last is the last. */
  readonly #kept = new Map<string, Session>();

  constructor(ort: OrtModule, config: ModelConfig, capacity: number) {
    this.#ort = ort;
    this.#config = config;
    this.#capacity = capacity;
  }

  get count(): number {
    return this.#kept.size;
  }

  /** Runs a graph on those of `inputs` that it has. */
  run(kind: PerturbationGraphKind, features: PerturbationFeatures, tensors: Tensors): void {
    const session = this.for(kind, features);
    const inputs = Object.fromEntries(session.inputNames.map((name) => [name, tensors.inputs[name]!]));
    session.run(inputs, tensors.outputs);
  }

  for(kind: PerturbationGraphKind, features: PerturbationFeatures): Session {
    const name = nameOf(kind, features);
    const session = this.#kept.get(name) ?? this.#make(kind, features);
    this.#kept.delete(name);
    this.#kept.set(name, session);
    return session;
  }

  /** Disposes every session. */
  clear(): void {
    for (const session of this.#kept.values()) session.dispose();
    this.#kept.clear();
  }

  #make(kind: PerturbationGraphKind, features: PerturbationFeatures): Session {
    const [oldest] = this.#kept;
    if (this.#kept.size >= MOST && oldest !== undefined) {
      oldest[1].dispose();
      this.#kept.delete(oldest[0]);
    }
    const graph = GRAPHS[kind](this.#config, { capacity: this.#capacity, features });
    return createSession(this.#ort, encodeOnnx(graph), { name: graph.name });
  }
}

interface Tensors {
  readonly inputs: NamedTensors;
  readonly outputs: NamedTensors;
}
