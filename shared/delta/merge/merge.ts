import { TrimtabError } from "../../errors.ts";
import { type CanonicalDelta, type CanonicalModule, changesNothing } from "../canonical.ts";
import type { WeightedDelta } from "../sum.ts";
import { vanishes, withFactors } from "./factors.ts";
import type { MergeOptions } from "./method.ts";
import { MERGE_METHODS, type MergeMethodName } from "./registry.ts";

/** What a caller may leave out has a default: the rank is the largest one that a layer has in any of the deltas. */
export type MergeRequest = { readonly method: MergeMethodName } & Partial<MergeOptions>;

const PARAMS: Readonly<Record<keyof MergeOptions, string>> = {
  rank: "rank",
  density: "density",
  majoritySignMethod: "majority_sign_method",
  seed: "seed",
};

/**
 * Makes one delta of several deltas of one base, by the method of the registry. Pure; equal arguments give equal bits.
 *
 * Throws `invalid_request` with `param` for an option that the method lacks or does not take, for a weight of 0 or one
 * that is not finite, for a part that the method cannot merge, and for a result that changes nothing.
 */
export function mergeDeltas(terms: readonly WeightedDelta[], { method: name, ...given }: MergeRequest): CanonicalDelta {
  const method = MERGE_METHODS[name];
  for (const option of Object.keys(PARAMS) as (keyof MergeOptions)[]) {
    const param = PARAMS[option];
    if (given[option] === undefined) {
      if (method.needs.includes(option)) throw refuse(param, `is missing: the method ${name} needs it`);
    } else if (![...method.needs, ...method.takes].includes(option)) {
      throw refuse(param, `has no meaning for the method ${name}; leave it out`);
    }
  }
  for (const [index, { weight, delta }] of terms.entries()) {
    if (weight === 0 || !Number.isFinite(weight)) {
      throw refuse(
        `deltas.${index}.weight`,
        `must be a number other than 0, got ${weight}; leave the delta out instead`,
      );
    }
    const part = method.exact ? undefined : partThatIsNoSum(delta);
    if (part !== undefined) {
      throw refuse(
        "method",
        `${name} merges weight matrices and vectors, but deltas.${index} has ${part}; use linear or cat`,
      );
    }
  }
  const options: MergeOptions = {
    rank: given.rank ?? Math.max(1, ...terms.map(({ delta }) => highestRank(delta))),
    density: given.density ?? 1,
    majoritySignMethod: given.majoritySignMethod ?? "total",
    seed: given.seed ?? 0,
  };
  const merged = withoutIdleParts(method.merge(terms, options));
  if (changesNothing(merged)) {
    throw refuse("deltas", "cancel: what is left of them changes nothing; use other weights, or a higher density");
  }
  return merged;
}

/** The largest rank of ΔW in any layer, the embedding among them; 0 where there is none. */
export function highestRank({ linears, embedding }: CanonicalDelta): number {
  return Math.max(0, embedding?.a.shape[1] ?? 0, ...[...linears.values()].map(({ a }) => a?.shape[1] ?? 0));
}

function partThatIsNoSum({ bottlenecks, prompt, prefix }: CanonicalDelta): string | undefined {
  if (bottlenecks.size > 0) return "bottleneck adapters";
  if (prompt !== undefined) return "virtual tokens (prompt tuning)";
  return prefix === undefined ? undefined : "a prefix";
}

/** Leaves out products that cancel, scales of 1, biases of 0, and layers of which nothing is left. */
function withoutIdleParts(delta: CanonicalDelta): CanonicalDelta {
  const products = withFactors(delta, (factors) => (vanishes(factors) ? undefined : factors));
  const linears = [...products.linears].flatMap(([path, { scale, bias, ...factors }]) => {
    const module: CanonicalModule = {
      ...factors,
      ...(scale?.data.some((value) => value !== 1) ? { scale } : {}),
      ...(bias?.data.some((value) => value !== 0) ? { bias } : {}),
    };
    return Object.keys(module).length === 0 ? [] : [[path, module] as const];
  });
  return { ...products, linears: new Map(linears) };
}

function refuse(param: string, problem: string): TrimtabError {
  return new TrimtabError("invalid_request", `\`${param}\` ${problem}.`, { param });
}
