import { encodeOnnx } from "../../shared/graph/onnx.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import { decodeGraph, decodeGraphName } from "../../shared/model/decode-graph.ts";
import type { ServingFeatures } from "../../shared/model/serving-rewrite.ts";
import type { OrtModule } from "./ort-module.ts";
import { createSession, type Session } from "./session.ts";

/** Sessions for exactly what a batch needs, beside one with everything for each layout. */
const EXACT = 4;
/** Runs after which a session that nobody used makes room for another. */
const IDLE_RUNS = 500;

interface Kept {
  readonly session: Session;
  readonly features: ServingFeatures;
  lastRun: number;
}

/**
 * The compiled decode graphs of one model, made when a batch first needs them. One of the embedded base takes 10 to 60 ms
 * and 0.4 to 1.5 MB of the heap, and there could be thirty, so no more than `EXACT` are kept for what exactly a batch needs; the
 * rest is served by the graph with everything, which computes the same a little slower. None is thrown out that was of use
 * lately: a mixed load would make sessions at every other step.
 */
export class DecodeSessions {
  readonly #ort: OrtModule;
  readonly #config: ModelConfig;
  readonly #capacity: number;
  readonly #exact = new Map<string, Kept>();
  readonly #everything = new Map<string, Kept>();
  #runs = 0;

  constructor(ort: OrtModule, config: ModelConfig, capacity: number) {
    this.#ort = ort;
    this.#config = config;
    this.#capacity = capacity;
  }

  /** How many there are. */
  get count(): number {
    return this.#exact.size + this.#everything.size;
  }

  /** A session for one run with these features, and the features that it takes, which may be more. */
  for(features: ServingFeatures): { readonly session: Session; readonly features: ServingFeatures } {
    this.#runs++;
    const name = decodeGraphName(features);
    const kept = this.#exact.get(name) ?? this.#added(name, features);
    kept.lastRun = this.#runs;
    return kept;
  }

  #added(name: string, features: ServingFeatures): Kept {
    const [idlest] = [...this.#exact].sort(([, a], [, b]) => a.lastRun - b.lastRun);
    if (this.#exact.size === EXACT && idlest !== undefined) {
      if (this.#runs - idlest[1].lastRun < IDLE_RUNS) return this.#withEverything(features);
      idlest[1].session.dispose();
      this.#exact.delete(idlest[0]);
    }
    const made = this.#make(features);
    this.#exact.set(name, made);
    return made;
  }

  #withEverything({ layout }: ServingFeatures): Kept {
    const made =
      this.#everything.get(layout) ?? this.#make({ layout, factors: true, vectors: true, bottlenecks: "any" });
    this.#everything.set(layout, made);
    return made;
  }

  #make(features: ServingFeatures): Kept {
    const graph = decodeGraph(this.#config, { capacity: this.#capacity, features });
    const session = createSession(this.#ort, encodeOnnx(graph), { name: graph.name });
    return { session, features, lastRun: this.#runs };
  }
}
