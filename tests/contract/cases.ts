import type { OpAttrs, OpName } from "../../shared/graph/ops.ts";
import { createRandom } from "../../shared/random.ts";
import type { DType } from "../../shared/tensor.ts";
import { type Array64, generate } from "./array64.ts";

/** What an op with attributes A means, in float64, and the inputs that every implementation of it is tried on. */
export interface OpSpec<A> {
  /**
   * The outputs for these inputs, plainly: one formula, no care for speed. `shapes` are the outputs' shapes.
   * A NaN in an output means that its value is unspecified.
   */
  evaluate(inputs: readonly Array64[], attrs: A, shapes: readonly (readonly number[])[]): Array64[];
  /** The inputs that have a gradient, where they and the result are floating-point. */
  readonly differentiable: readonly number[] | "all";
  readonly cases: readonly OpCase<A>[];
}

export interface OpCase<A> {
  readonly name: string;
  readonly inputs: readonly CaseInput[];
  readonly attrs: A;
}

export interface CaseInput extends Array64 {
  readonly dtype: DType;
}

export type OpSpecs = { readonly [K in OpName]: OpSpec<OpAttrs[K]> };

/** Seeds differ where two inputs of one case must. Values are exact in float32, so every executor sees the same ones. */
function sample(dtype: DType, shape: readonly number[], seed: number, draw: (normal: number) => number): CaseInput {
  const random = createRandom(seed, "op-spec", ...shape);
  return { dtype, ...generate(shape, () => Math.fround(draw(random.normal()))) };
}

export function normal(shape: readonly number[], seed = 0, scale = 1): CaseInput {
  return sample("f32", shape, seed, (x) => x * scale);
}

/** Normal, but no closer to zero than ¼: for ops with a kink or a pole there. */
export function nonZero(shape: readonly number[], seed = 0): CaseInput {
  return sample("f32", shape, seed, (x) => x + Math.sign(x) / 4);
}

export function positive(shape: readonly number[], seed = 0): CaseInput {
  return sample("f32", shape, seed, (x) => Math.abs(x) + 1 / 4);
}

/** Whole numbers in [low, high). */
export function whole(
  shape: readonly number[],
  [low, high]: readonly [number, number],
  dtype: DType = "i64",
): CaseInput {
  const random = createRandom(0, "op-spec whole", ...shape);
  return { dtype, ...generate(shape, () => low + random.below(high - low)) };
}

/** The numbers as they stand. */
export function literal(dtype: DType, shape: readonly number[], numbers: readonly number[]): CaseInput {
  return { dtype, shape, data: Float64Array.from(numbers) };
}

export function truth(shape: readonly number[]): CaseInput {
  return whole(shape, [0, 2], "bool");
}
