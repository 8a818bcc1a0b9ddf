import type { OpAttrs, OpName } from "../../shared/graph/ops.ts";
import { createRandom } from "../../shared/random.ts";
import type { DType } from "../../shared/tensor.ts";
import { type Array64, generate } from "./array64.ts";

/** The meaning of an op with attributes A, in float64, and the inputs that every implementation is tested on. */
export interface OpSpec<A> {
  /**
   * The outputs for these inputs, as one plain formula, regardless of speed. `shapes` are the outputs' shapes.
   * A NaN in an output means that its value is unspecified.
   */
  evaluate(inputs: readonly Array64[], attrs: A, shapes: readonly (readonly number[])[]): Array64[];
  /** The inputs that have a gradient, provided that they and the result are floating-point. */
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

/** Random values. Inputs of one case that must differ use different seeds. Exact in float32, so all executors see the same. */
function sample(dtype: DType, shape: readonly number[], seed: number, draw: (normal: number) => number): CaseInput {
  const random = createRandom(seed, "op-spec", ...shape);
  return { dtype, ...generate(shape, () => Math.fround(draw(random.normal()))) };
}

export function normal(shape: readonly number[], seed = 0, scale = 1): CaseInput {
  return sample("f32", shape, seed, (x) => x * scale);
}

/** Normal values at least ¼ away from zero, for ops with a kink or a pole there. */
export function nonZero(shape: readonly number[], seed = 0): CaseInput {
  return sample("f32", shape, seed, (x) => x + Math.sign(x) / 4);
}

export function positive(shape: readonly number[], seed = 0): CaseInput {
  return sample("f32", shape, seed, (x) => Math.abs(x) + 1 / 4);
}

/** Integers in [low, high). */
export function whole(
  shape: readonly number[],
  [low, high]: readonly [number, number],
  dtype: DType = "i64",
): CaseInput {
  const random = createRandom(0, "op-spec whole", ...shape);
  return { dtype, ...generate(shape, () => low + random.below(high - low)) };
}

/** The given values. */
export function literal(dtype: DType, shape: readonly number[], numbers: readonly number[]): CaseInput {
  return { dtype, shape, data: Float64Array.from(numbers) };
}

export function truth(shape: readonly number[]): CaseInput {
  return whole(shape, [0, 2], "bool");
}
