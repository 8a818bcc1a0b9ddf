import { TrimtabError } from "../../errors.ts";
import { type CanonicalDelta, type CanonicalModule, changesNothing, NO_DELTA } from "../canonical.ts";
import { magnitude } from "../magnitude.ts";
import { SCORER_STAYS } from "../scorer.ts";
import type { WeightedDelta } from "../sum.ts";
import { vanishes, withFactors } from "./factors.ts";
import type { MergeOptions } from "./method.ts";
import { MERGE_METHODS, type MergeMethodName } from "./registry.ts";

/** Options default to a density of 1, "total", seed 0, and the highest rank of any layer in any of the deltas. */
export type MergeRequest = { readonly method: MergeMethodName } & Partial<MergeOptions>;

/**
 * The largest element allowed in a weighted ΔW: far beyond any real model, yet low enough that sums, norms and division by
 * the density stay within float32.
 */
const LARGEST = 2 ** 110;

const PARAMS: Readonly<Record<keyof MergeOptions, string>> = {
  rank: "rank",
  density: "density",
  majoritySignMethod: "majority_sign_method",
  seed: "seed",
};

/**
 * Merges several deltas of one base into one delta. Pure; equal arguments give equal bits.
 *
 * Throws `invalid_request` with `param` for an option that is missing or that the method does not use, a weight that is 0 or
 * not finite, elements that could overflow float32, a part that the method cannot merge, and a result that changes nothing.
 */
export function mergeDeltas(terms: readonly WeightedDelta[], request: MergeRequest): CanonicalDelta {
  const steps = mergeSteps(terms, request);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** Like `mergeDeltas`, but yields after each part of the model, so that the caller can do other work in between. */
export function* mergeSteps(
  terms: readonly WeightedDelta[],
  { method: name, ...given }: MergeRequest,
): Generator<void, CanonicalDelta> {
  const method = MERGE_METHODS[name];
  checkOptions(name, given);
  checkTerms(name, terms);
  const options: MergeOptions = {
    rank: given.rank ?? Math.max(1, ...terms.map(({ delta }) => highestRank(delta))),
    density: given.density ?? 1,
    majoritySignMethod: given.majoritySignMethod ?? "total",
    seed: given.seed ?? 0,
  };
  const parts: CanonicalDelta[] = [];
  for (const part of partsOf(terms)) {
    parts.push(withoutIdleParts(method.merge(part, options)));
    yield;
  }
  const merged: CanonicalDelta = Object.assign({}, ...parts, {
    linears: new Map(parts.flatMap(({ linears }) => [...linears])),
    bottlenecks: new Map(parts.flatMap(({ bottlenecks }) => [...bottlenecks])),
  });
  if (changesNothing(merged)) {
    throw refuse("deltas", "cancel out, so the result changes nothing; use other weights or a higher density");
  }
  return merged;
}

function checkOptions(name: MergeMethodName, given: Partial<MergeOptions>): void {
  const { needs, takes } = MERGE_METHODS[name];
  for (const option of Object.keys(PARAMS) as (keyof MergeOptions)[]) {
    const param = PARAMS[option];
    if (given[option] === undefined) {
      if (needs.includes(option)) throw refuse(param, `is missing; the method ${name} requires it`);
    } else if (![...needs, ...takes].includes(option)) {
      throw refuse(param, `is not used by the method ${name}; remove it`);
    }
  }
}

function checkTerms(name: MergeMethodName, terms: readonly WeightedDelta[]): void {
  for (const [index, { weight, delta }] of terms.entries()) {
    const place = `deltas[${index}]`;
    if (weight === 0 || !Number.isFinite(weight)) {
      throw refuse(
        `${place}.weight`,
        `must be a finite number other than 0, got ${weight}; to exclude the delta, leave it out of the list`,
      );
    }
    if (!(Math.abs(weight) * magnitude(delta) <= LARGEST)) {
      throw refuse(place, "has elements too large to merge in 32-bit floats; lower its weight or remove it");
    }
    if (delta.scorer !== undefined)
      throw refuse(place, `is not for merging: ${SCORER_STAYS}; leave it out of the list`);
    const part = MERGE_METHODS[name].exact ? undefined : partWithoutMatrices(delta);
    if (part !== undefined) {
      throw refuse("method", `${name} merges weight matrices and vectors, but ${place} has ${part}; use linear or cat`);
    }
  }
}

/** Splits the terms by part: each layer, each block's bottlenecks, and everything outside the layers. */
function* partsOf(terms: readonly WeightedDelta[]): Generator<WeightedDelta[]> {
  const only = <K extends "linears" | "bottlenecks">(kind: K, path: string) =>
    terms.map(({ delta, weight }): WeightedDelta => {
      const found = delta[kind].get(path);
      return { delta: { ...NO_DELTA, ...(found === undefined ? {} : { [kind]: new Map([[path, found]]) }) }, weight };
    });
  for (const kind of ["linears", "bottlenecks"] as const) {
    for (const path of new Set(terms.flatMap(({ delta }) => [...delta[kind].keys()]))) yield only(kind, path);
  }
  const others = terms.map(({ delta, weight }) => ({ delta: { ...delta, ...NO_DELTA }, weight }));
  if (others.some(({ delta }) => Object.keys(delta).length > Object.keys(NO_DELTA).length)) yield others;
}

/** The highest rank of ΔW in any layer, including the embedding; 0 if there is none. */
export function highestRank({ linears, embedding }: CanonicalDelta): number {
  return Math.max(0, embedding?.a.shape[1] ?? 0, ...[...linears.values()].map(({ a }) => a?.shape[1] ?? 0));
}

/** The approximate number of multiplications in a merge. A billion take about a second. */
export function mergeWork(terms: readonly WeightedDelta[], name: MergeMethodName): number {
  const layers = new Map<string, { rows: number; columns: number; rank: number }>();
  for (const { delta } of terms) {
    const products = [
      ...delta.linears,
      ...(delta.embedding === undefined ? [] : [["embedding", delta.embedding] as const]),
    ];
    for (const [path, { a, b }] of products) {
      if (a === undefined || b === undefined) continue;
      const [rows, columns, before] = [a.shape[0]!, b.shape[1]!, layers.get(path)?.rank ?? 0];
      layers.set(path, { rows, columns, rank: before + a.shape[1]! });
    }
  }
  const { work } = MERGE_METHODS[name];
  return [...layers.values()].reduce((sum, { rows, columns, rank }) => sum + work(rows, columns, rank), 0);
}

function partWithoutMatrices({ bottlenecks, prompt, prefix }: CanonicalDelta): string | undefined {
  if (bottlenecks.size > 0) return "bottleneck adapters";
  if (prompt !== undefined) return "virtual tokens (prompt tuning)";
  return prefix === undefined ? undefined : "a prefix";
}

/** Removes products that cancel, scales of 1, biases of 0, and layers that become empty. */
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
