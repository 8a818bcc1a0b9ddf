import type { Scorer } from "../../shared/delta/scorer.ts";
import type { RowDeltas, ServingDelta } from "../runtime/serving-delta.ts";
import type { WeightSet } from "../runtime/weight-set.ts";
import type { ResolvedDelta, ResolvedModel } from "./protocol.ts";
import { requestedDeltas } from "./requested-deltas.ts";
import type { ServedModel } from "./served-model.ts";

/** What a row runs with. */
export interface RowModel {
  /** The base in whose batch it runs. */
  readonly served: ServedModel;
  readonly weights: WeightSet;
  readonly deltas: RowDeltas;
  /** As `GenerationRow.stateKey`. */
  readonly stateKey: string;
}

/** The models of a request's rows, in memory until they are released. */
export interface RowModels {
  /** The model of that name, with further deltas. */
  get(name: string, more?: readonly ResolvedDelta[]): RowModel;
  /** The scoring head of the model's deltas; undefined if none has one. */
  scorer(name: string): Scorer | undefined;
  readonly release: () => void;
}

export interface RowModelsRequest {
  readonly tenant: string;
  readonly models: Readonly<Record<string, ResolvedModel>>;
  /** Deltas that `get` may be asked to add. */
  readonly further: readonly ResolvedDelta[];
  /** The tenant's id for the delta with that digest. */
  readonly deltaId: (digest: string) => string;
}

/**
 * Reads every delta and every set of weights that a request's rows need. All deltas are acquired at once, so that two requests
 * never wait for each other. Throws as `ServedModel.deltas` and `ServedModel.weights` do, with nothing acquired.
 */
export async function acquireRowModels(served: ServedModel, request: RowModelsRequest): Promise<RowModels> {
  const { tenant, models, further, deltaId } = request;
  const all = [...Object.values(models).flatMap(({ deltas }) => deltas), ...further];
  const distinct = [...new Map(all.map((delta) => [delta.digest, delta])).values()];
  const acquired = await served.deltas(tenant, distinct);
  const releases = [acquired.release];
  const release = () => {
    for (const one of releases) one();
  };
  try {
    const byDigest = new Map(distinct.map(({ digest }, i) => [digest, acquired.values[i]!]));
    const folders = new Map(Object.values(models).map((model) => [weightsKey(model), model.weights]));
    const loaded = await served.weights([...folders.values()]);
    releases.push(loaded.release);
    const weights = new Map<string, WeightSet>([...folders.keys()].map((key, i) => [key, loaded.values[i]!]));
    return {
      get(name, more = []) {
        const model = models[name]!;
        const deltas = combined([...model.deltas, ...more]);
        return {
          served,
          weights: weights.get(weightsKey(model))!,
          deltas: requestedDeltas(
            deltas.map(({ digest, weight }) => ({ id: deltaId(digest), delta: byDigest.get(digest)!, weight })),
            { endRank: served.loop.largestRank },
          ),
          stateKey: stateKeyOf(tenant, { ...model, deltas }),
        };
      },
      scorer: (name) => onlyScorer(models[name]!.deltas.map(({ digest }) => byDigest.get(digest)!)),
      release,
    };
  } catch (error) {
    release();
    throw error;
  }
}

/**
 * Identifies everything besides the tokens and the base that a row's states depend on. It includes the tenant: even
 * equal states are never shared between tenants, because the time saved would reveal what another tenant has asked.
 */
export function stateKeyOf(tenant: string, model: Pick<ResolvedModel, "weights" | "deltas">): string {
  return JSON.stringify([tenant, ...modelKey(model)]);
}

/** Whether two models give equal logits because they are made of the same base, weights and deltas. */
export function sameModel(a: ResolvedModel, b: ResolvedModel): boolean {
  return a.base.digest === b.base.digest && JSON.stringify(modelKey(a)) === JSON.stringify(modelKey(b));
}

function modelKey({ weights, deltas }: Pick<ResolvedModel, "weights" | "deltas">): unknown[] {
  const used = deltas.filter(({ weight }) => weight !== 0).map(({ digest, weight }) => [digest, weight]);
  return [weights?.digest ?? null, used];
}

const weightsKey = ({ weights }: ResolvedModel): string => weights?.digest ?? "base";

/** Sums the weights of equal deltas; sorted by digest. */
function combined(deltas: readonly ResolvedDelta[]): ResolvedDelta[] {
  const sums = new Map<string, ResolvedDelta>();
  for (const delta of deltas) {
    sums.set(delta.digest, { ...delta, weight: (sums.get(delta.digest)?.weight ?? 0) + delta.weight });
  }
  return [...sums.values()].sort((a, b) => (a.digest < b.digest ? -1 : 1));
}

function onlyScorer(deltas: readonly ServingDelta[]): Scorer | undefined {
  return deltas.flatMap(({ scorer }) => (scorer === undefined ? [] : [scorer]))[0];
}
