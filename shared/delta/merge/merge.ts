import { TrimtabError } from "../../errors.ts";
import type { Tensor } from "../../tensor.ts";
import { type CanonicalDelta, type CanonicalModule, changesNothing, NO_DELTA } from "../canonical.ts";
import { canonicalTensors } from "../serving-file.ts";
import type { WeightedDelta } from "../sum.ts";
import { vanishes, withFactors } from "./factors.ts";
import type { MergeOptions } from "./method.ts";
import { MERGE_METHODS, type MergeMethodName } from "./registry.ts";

/** What a caller may leave out has a default: the rank is the largest one that a layer has in any of the deltas. */
export type MergeRequest = { readonly method: MergeMethodName } & Partial<MergeOptions>;

/**
 * The largest element that a weighted ΔW may have: far above what any model computes with, and below what float32 holds by more
 * than sums, norms and densities make of it.
 */
const LARGEST = 2 ** 110;

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
 * that is not finite, for elements that would leave float32, for a part that the method cannot merge, and for a result that
 * changes nothing.
 */
export function mergeDeltas(terms: readonly WeightedDelta[], request: MergeRequest): CanonicalDelta {
  const steps = mergeSteps(terms, request);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** The same in steps, one for each part of the model, for a caller that has other things to do in between. */
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
    throw refuse("deltas", "cancel: what is left of them changes nothing; use other weights, or a higher density");
  }
  return merged;
}

function checkOptions(name: MergeMethodName, given: Partial<MergeOptions>): void {
  const { needs, takes } = MERGE_METHODS[name];
  for (const option of Object.keys(PARAMS) as (keyof MergeOptions)[]) {
    const param = PARAMS[option];
    if (given[option] === undefined) {
      if (needs.includes(option)) throw refuse(param, `is missing: the method ${name} needs it`);
    } else if (![...needs, ...takes].includes(option)) {
      throw refuse(param, `has no meaning for the method ${name}; leave it out`);
    }
  }
}

function checkTerms(name: MergeMethodName, terms: readonly WeightedDelta[]): void {
  for (const [index, { weight, delta }] of terms.entries()) {
    const place = `deltas[${index}]`;
    if (weight === 0 || !Number.isFinite(weight)) {
      throw refuse(`${place}.weight`, `must be a number other than 0, got ${weight}; leave the delta out instead`);
    }
    if (!(Math.abs(weight) * magnitude(delta) <= LARGEST)) {
      throw refuse(place, "has elements too large to be merged in 32-bit floats; lower its weight, or leave it out");
    }
    const part = MERGE_METHODS[name].exact ? undefined : partThatIsNoSum(delta);
    if (part !== undefined) {
      throw refuse("method", `${name} merges weight matrices and vectors, but ${place} has ${part}; use linear or cat`);
    }
  }
}

/** No element of a delta is larger: neither of a tensor nor of a product of factors. */
function magnitude(delta: CanonicalDelta): number {
  const largest = (tensor: Tensor<"f32"> | undefined) =>
    tensor?.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0) ?? 0;
  const tensors = [...canonicalTensors(delta).values()].map(largest);
  const factors = [...delta.linears.values(), ...(delta.embedding === undefined ? [] : [delta.embedding])];
  const products = factors.map(({ a, b }) => largest(a) * largest(b) * (a?.shape[1] ?? 0));
  return Math.max(0, ...tensors, ...products);
}

/** The terms with one layer each, or one block's bottlenecks, or what is not in layers. */
function* partsOf(terms: readonly WeightedDelta[]): Generator<WeightedDelta[]> {
  const only = <K extends "linears" | "bottlenecks">(kind: K, path: string) =>
    terms.map(({ delta, weight }): WeightedDelta => {
      const found = delta[kind].get(path);
      return { delta: { ...NO_DELTA, ...(found === undefined ? {} : { [kind]: new Map([[path, found]]) }) }, weight };
    });
  for (const kind of ["linears", "bottlenecks"] as const) {
    for (const path of new Set(terms.flatMap(({ delta }) => [...delta[kind].keys()]))) yield only(kind, path);
  }
  const rest = terms.map(({ delta, weight }) => ({ delta: { ...delta, ...NO_DELTA }, weight }));
  if (rest.some(({ delta }) => Object.keys(delta).length > Object.keys(NO_DELTA).length)) yield rest;
}

/** The largest rank of ΔW in any layer, the embedding among them; 0 where there is none. */
export function highestRank({ linears, embedding }: CanonicalDelta): number {
  return Math.max(0, embedding?.a.shape[1] ?? 0, ...[...linears.values()].map(({ a }) => a?.shape[1] ?? 0));
}

/** About how many multiplications a merge takes; a thousand million of them take about a second. */
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
