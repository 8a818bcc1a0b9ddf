import { encodeOnnx } from "../../shared/graph/onnx.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import { decodeGraph, decodeGraphName } from "../../shared/model/decode-graph.ts";
import type { ServingFeatures } from "../../shared/model/serving-rewrite.ts";
import type { OrtModule } from "./ort-module.ts";
import { createSession, type Session } from "./session.ts";

/** Sessions for exactly what a run needs, beside those with everything: one for each layout, for steps and for probes. */
const EXACT = 4;
/** Runs after which a session that nobody used makes room for another. */
const IDLE_RUNS = 500;

/** A decoding step and a chunk of a prompt share their graph. */
export type RunKind = "step" | "probe";

interface Kept {
  readonly session: Session;
  readonly features: ServingFeatures;
  lastRun: number;
}

/**
 * The compiled decode graphs of one model, made when a run first needs them. One of the embedded base takes 10 to 60 ms
 * and 0.4 to 1.5 MB of the heap, and there could be sixty, so only `EXACT` are kept that fit what a run needs exactly; the
 * graph with everything serves the other runs, a little slower. A session that was used lately is not thrown out: a mixed
 * load would make a new one at every other step.
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
  for(
    features: ServingFeatures,
    kind: RunKind = "step",
  ): { readonly session: Session; readonly features: ServingFeatures } {
    this.#runs++;
    const name = decodeGraphName(features, { probe: kind === "probe" });
    const kept = this.#exact.get(name) ?? this.#added(name, features, kind);
    kept.lastRun = this.#runs;
    return kept;
  }

  #added(name: string, features: ServingFeatures, kind: RunKind): Kept {
    const [idlest] = [...this.#exact].sort(([, a], [, b]) => a.lastRun - b.lastRun);
    if (this.#exact.size === EXACT && idlest !== undefined) {
      if (this.#runs - idlest[1].lastRun < IDLE_RUNS) return this.#withEverything(features, kind);
      idlest[1].session.dispose();
      this.#exact.delete(idlest[0]);
    }
    const made = this.#make(features, kind);
    this.#exact.set(name, made);
    return made;
  }

  #withEverything({ layout }: ServingFeatures, kind: RunKind): Kept {
    const name = `${kind} ${layout}`;
    const made =
      this.#everything.get(name) ?? this.#make({ layout, factors: true, vectors: true, bottlenecks: "any" }, kind);
    this.#everything.set(name, made);
    return made;
  }

  #make(features: ServingFeatures, kind: RunKind): Kept {
    const graph = decodeGraph(this.#config, { capacity: this.#capacity, features, probe: kind === "probe" });
    const session = createSession(this.#ort, encodeOnnx(graph), { name: graph.name });
    return { session, features, lastRun: this.#runs };
  }
}
