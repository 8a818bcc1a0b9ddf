/**
 * AdaLoRA's rank allocator (Zhang et al., "Adaptive Budget Allocation for Parameter-Efficient Fine-Tuning", 2023), as in
 * peft's RankAllocator. It runs after each optimizer step, with the gradients of that step:
 *
 *     importance  I ← β₁I + (1 − β₁)|p·∇p|,  deviation  U ← β₂U + (1 − β₂)||p·∇p| − I|,  for every element
 *     score of rank i = (I·U of E_i) + mean(I·U of A's i-th vector) + mean(I·U of B's i-th vector)
 *
 * Out of the N ranks of all layers, the N − budget with the lowest scores get E_i = 0. They are not frozen: until the budget
 * has reached its target, the next step can change them, and they may come back.
 */
import { f32, type Tensor, zeros } from "../../tensor.ts";
import type { AfterStep } from "../method.ts";
import type { AdaLoraSettings } from "./settings.ts";

/** A module's parameters: A [in, r], E [r] and B [r, out]. In peft's files, A and B are transposed, and E is [r, 1]. */
export const tripletNames = (path: string) => ({
  a: `${path}.lora_A`,
  e: `${path}.lora_E`,
  b: `${path}.lora_B`,
});

const meanNames = (parameter: string) => ({
  importance: `${parameter}#importance`,
  deviation: `${parameter}#deviation`,
});

const keptName = (path: string) => `${path}#kept`;

type Tensors = ReadonlyMap<string, Tensor<"f32">>;
type Schedule = Pick<AdaLoraSettings, "init_r" | "target_r" | "tinit" | "tfinal" | "deltaT">;

export interface AllocatorOptions {
  readonly settings: Schedule & Pick<AdaLoraSettings, "beta1" | "beta2">;
  /** The initial value of every parameter of every module. */
  readonly initial: Tensors;
  readonly paths: readonly string[];
}

/**
 * The allocator of one run. Its memory holds I and U of every parameter, and which ranks the last allocation kept.
 *
 * Steps are counted from 0, as in peft's examples. If `tfinal` is 0, peft's final allocation, which reaches the target, would
 * come after the end of the run; here it happens after the last step.
 */
export function rankAllocator({ settings, initial, paths }: AllocatorOptions): AfterStep {
  const memory = new Map<string, Tensor<"f32">>();
  for (const [name, { shape }] of initial) {
    const { importance, deviation } = meanNames(name);
    memory.set(importance, zeros(shape)).set(deviation, zeros(shape));
  }
  for (const path of paths) memory.set(keptName(path), f32([settings.init_r], Array(settings.init_r).fill(1)));
  return {
    memory,
    apply: ({ step, totalSteps, values, gradients }) => {
      const after = (index: number, now: Tensors) =>
        allocate({ settings, paths }, { index, totalSteps, values: now, gradients });
      const changed = after(step - 1, values);
      if (settings.tfinal > 0 || step < totalSteps) return changed;
      return new Map([...changed, ...after(step, new Map([...values, ...changed]))]);
    },
  };
}

export interface AllocatorMoment {
  /** The step just taken, counted from 0. */
  readonly index: number;
  readonly totalSteps: number;
  /** The parameters after the step, and the memory. */
  readonly values: Tensors;
  readonly gradients: Tensors;
}

/** The number of ranks allowed after step `index`, counted from 0, and whether ranks are allocated then. */
export function rankBudget(
  { init_r, target_r, tinit, tfinal, deltaT }: Schedule,
  { index: step, totalSteps, modules }: Pick<AllocatorMoment, "index" | "totalSteps"> & { readonly modules: number },
): { readonly budget: number; readonly allocates: boolean } {
  const [initial, target] = [init_r * modules, target_r * modules];
  const last = totalSteps - tfinal;
  if (step <= tinit) return { budget: initial, allocates: false };
  if (step >= last) return { budget: target, allocates: true };
  const remaining = 1 - (step - tinit) / (last - tinit);
  return { budget: Math.trunc((initial - target) * remaining ** 3 + target), allocates: step % deltaT === 0 };
}

/** The tensors to change after a step: parameters and memory. */
export function allocate(
  { settings, paths }: Pick<AllocatorOptions, "settings" | "paths">,
  { index, totalSteps, values, gradients }: AllocatorMoment,
): Map<string, Tensor<"f32">> {
  const last = totalSteps - settings.tfinal;
  if (index > last) return withoutDropped(values, paths);
  const means = index < last ? updatedMeans(settings, values, gradients) : new Map<string, Tensor<"f32">>();
  const { budget, allocates } = rankBudget(settings, { index, totalSteps, modules: paths.length });
  if (!allocates) return means;
  const known = new Map([...values, ...means]);
  const scores = new Map(paths.map((path) => [path, rankScores(known, path)]));
  const kept = mostImportant(scores, settings.init_r * paths.length - budget);
  // The allocation is final, so the means are no longer needed.
  if (index === last) for (const name of gradients.keys()) reset(means, values, name);
  return new Map([...means, ...kept, ...withoutDropped(new Map([...values, ...kept]), paths)]);
}

/** The score of each of a module's ranks. */
export function rankScores(values: Tensors, path: string): Float64Array {
  const names = tripletNames(path);
  const score = (parameter: string) => {
    const { importance, deviation } = meanNames(parameter);
    const [i, u] = [values.get(importance)!, values.get(deviation)!];
    return { shape: i.shape, at: (index: number) => i.data[index]! * u.data[index]! };
  };
  const [a, e, b] = [score(names.a), score(names.e), score(names.b)];
  const [inSize, rank] = a.shape as [number, number];
  const out = b.shape[1]!;
  return Float64Array.from({ length: rank }, (_, i) => {
    let ofA = 0;
    for (let row = 0; row < inSize; row++) ofA += a.at(row * rank + i);
    let ofB = 0;
    for (let column = 0; column < out; column++) ofB += b.at(i * out + column);
    return e.at(i) + ofA / inSize + ofB / out;
  });
}

function updatedMeans(
  { beta1, beta2 }: Pick<AdaLoraSettings, "beta1" | "beta2">,
  values: Tensors,
  gradients: Tensors,
): Map<string, Tensor<"f32">> {
  const means = new Map<string, Tensor<"f32">>();
  for (const [name, { shape, data: gradient }] of gradients) {
    const names = meanNames(name);
    const { data } = values.get(name)!;
    const importance = values.get(names.importance)!.data.slice();
    const deviation = values.get(names.deviation)!.data.slice();
    for (let i = 0; i < data.length; i++) {
      const now = Math.abs(data[i]! * gradient[i]!);
      importance[i] = beta1 * importance[i]! + (1 - beta1) * now;
      deviation[i] = beta2 * deviation[i]! + (1 - beta2) * Math.abs(now - importance[i]!);
    }
    means.set(names.importance, f32(shape, importance)).set(names.deviation, f32(shape, deviation));
  }
  return means;
}

/** Keeps the ranks that score above the `dropped`-th lowest, and drops ties, as in peft (which fails if `dropped` is 0). */
function mostImportant(scores: ReadonlyMap<string, Float64Array>, dropped: number): Map<string, Tensor<"f32">> {
  const ascending = Float64Array.from([...scores.values()].flatMap((of) => [...of])).sort();
  const threshold = dropped === 0 ? Number.NEGATIVE_INFINITY : ascending[dropped - 1]!;
  return new Map(
    [...scores].map(([path, of]) => [
      keptName(path),
      f32(
        [of.length],
        Array.from(of, (score) => (score > threshold ? 1 : 0)),
      ),
    ]),
  );
}

/** E with zeros for the ranks that the last allocation dropped. */
function withoutDropped(values: Tensors, paths: readonly string[]): Map<string, Tensor<"f32">> {
  return new Map(
    paths.map((path) => {
      const { e } = tripletNames(path);
      const kept = values.get(keptName(path))!.data;
      const { shape, data } = values.get(e)!;
      return [
        e,
        f32(
          shape,
          data.map((value, i) => (kept[i] === 0 ? 0 : value)),
        ),
      ];
    }),
  );
}

function reset(means: Map<string, Tensor<"f32">>, values: Tensors, parameter: string): void {
  const { importance, deviation } = meanNames(parameter);
  const { shape } = values.get(importance)!;
  means.set(importance, zeros(shape)).set(deviation, zeros(shape));
}
