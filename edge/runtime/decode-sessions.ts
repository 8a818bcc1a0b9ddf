import { encodeOnnx } from "../../shared/graph/onnx.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import { decodeGraph, decodeGraphName } from "../../shared/model/decode-graph.ts";
import type { ServingFeatures } from "../../shared/model/serving-rewrite.ts";
import type { OrtModule } from "./ort-module.ts";
import { createSession, type Session } from "./session.ts";

/** The most sessions that fit exactly what a run needs. */
const EXACT = 4;
/** The most weight of all sessions together; one with everything counts as two. */
const ROOM = 8;
const WEIGHT = { exact: 1, everything: 2 } as const;
/** Runs after which an unused session makes room for another. */
const IDLE_RUNS = 500;

/**
 * A decoding step and a chunk of a prompt share their graph. `apart`: the same with rows multiplied on their own; `each`: with the
 * logits of every position; see `DecodeGraphOptions`.
 */
export type RunKind = "step" | "apart" | "probe" | "each";

/** What a run gives besides logits and the head's input: taps by name, and the head's logits after layers. */
export interface RunReads {
  readonly taps: readonly string[];
  readonly exits: readonly number[];
}

export const NO_READS: RunReads = { taps: [], exits: [] };

/** What a session's graph is for. */
interface Purpose {
  readonly kind: RunKind;
  readonly reads: RunReads;
}

interface Kept {
  readonly session: Session;
  readonly kind: RunKind;
  readonly features: ServingFeatures;
  readonly size: keyof typeof WEIGHT;
  lastRun: number;
}

/**
 * The compiled decode graphs of one model, compiled when a run first needs them. One of the embedded base takes 10 to
 * 60 ms and 0.4 to 1.5 MB of the heap, and there could be sixty, so only a few are kept that fit what a run needs
 * exactly. Graphs with everything serve the other runs, a little slower: one for each layout, of each kind. A
 * session that was used lately makes room for one with everything alone: a mixed load would make a new one at every
 * other step.
 */
export class DecodeSessions {
  readonly #ort: OrtModule;
  readonly #config: ModelConfig;
  readonly #capacity: number;
  /** By the graph's name. */
  readonly #kept = new Map<string, Kept>();
  #runs = 0;
  #made = 0;

  constructor(ort: OrtModule, config: ModelConfig, capacity: number) {
    this.#ort = ort;
    this.#config = config;
    this.#capacity = capacity;
  }

  /** The number of sessions. */
  get count(): number {
    return this.#kept.size;
  }

  /** The number of sessions compiled so far. */
  get made(): number {
    return this.#made;
  }

  /** A session for one run with these features; its kind, and the features that it takes, which may be more. */
  for(
    features: ServingFeatures,
    kind: RunKind = "step",
    reads: RunReads = NO_READS,
  ): Pick<Kept, "session" | "kind" | "features"> {
    this.#runs++;
    const purpose = { kind, reads };
    const kept = this.#known(features, purpose) ?? this.#fitting(features, purpose);
    kept.lastRun = this.#runs;
    return kept;
  }

  /** What takes rows apart gives one row the same bits, a little later. */
  #known(features: ServingFeatures, purpose: Purpose): Kept | undefined {
    const kept = this.#kept.get(nameOf(features, purpose));
    if (kept !== undefined || purpose.kind !== "step") return kept;
    return this.#kept.get(nameOf(features, { ...purpose, kind: "apart" }));
  }

  /** A new session, or one with everything. */
  #fitting(features: ServingFeatures, purpose: Purpose): Kept {
    if (!this.#hasRoom("exact")) this.#dropIdle();
    if (this.#hasRoom("exact")) return this.#make(features, purpose, "exact");
    const everything = { layout: features.layout, factors: true, vectors: true, bottlenecks: "any" } as const;
    const kept = this.#known(everything, purpose);
    if (kept !== undefined) return kept;
    // Sessions with everything make room only where no other is left: requests may read any of many sets of states.
    while (!this.#hasRoom("everything")) this.#drop(({ size }) => size === "exact" || this.#exactCount === 0);
    return this.#make(everything, purpose, "everything");
  }

  #hasRoom(size: Kept["size"]): boolean {
    const weight = [...this.#kept.values()].reduce<number>((sum, kept) => sum + WEIGHT[kept.size], WEIGHT[size]);
    return weight <= ROOM && (size === "everything" || this.#exactCount < EXACT);
  }

  get #exactCount(): number {
    return [...this.#kept.values()].filter(({ size }) => size === "exact").length;
  }

  /** Makes room for an exact session if removing an idle one is enough. */
  #dropIdle(): void {
    const full = this.#exactCount === EXACT;
    const mayGo = ({ size, lastRun }: Kept) => this.#runs - lastRun >= IDLE_RUNS && (size === "exact" || !full);
    this.#drop(mayGo);
  }

  /** Disposes the least recently used of the sessions that may go, if any. */
  #drop(mayGo: (kept: Kept) => boolean): void {
    const [idlest] = [...this.#kept].filter(([, kept]) => mayGo(kept)).sort(([, a], [, b]) => a.lastRun - b.lastRun);
    if (idlest === undefined) return;
    idlest[1].session.dispose();
    this.#kept.delete(idlest[0]);
  }

  #make(features: ServingFeatures, { kind, reads }: Purpose, size: Kept["size"]): Kept {
    this.#made++;
    const capacity = this.#capacity;
    const options = { capacity, features, ...reads, wholeTaps: true, ...graphKind(kind) };
    const graph = decodeGraph(this.#config, options);
    const session = createSession(this.#ort, encodeOnnx(graph), { name: graph.name });
    const made = { session, kind, features, size, lastRun: this.#runs };
    this.#kept.set(graph.name, made);
    return made;
  }
}

const nameOf = (features: ServingFeatures, { kind, reads }: Purpose) =>
  decodeGraphName(features, { ...reads, ...graphKind(kind) });

const graphKind = (kind: RunKind) => ({ probe: kind === "probe", apart: kind === "apart", each: kind === "each" });
