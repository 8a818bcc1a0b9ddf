import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseSafetensors, toF32 } from "../../../../shared/formats/safetensors.ts";
import { transposed } from "../../../../shared/model/weights.ts";
import { rankAllocator, rankBudget, rankScores, tripletNames } from "../../../../shared/peft/adalora/allocator.ts";
import { f32, type Tensor } from "../../../../shared/tensor.ts";

type Tensors = Map<string, Tensor<"f32">>;

interface Trace {
  readonly config: {
    readonly init_r: number;
    readonly target_r: number;
    readonly tinit: number;
    readonly tfinal: number;
    readonly deltaT: number;
    readonly beta1: number;
    readonly beta2: number;
    readonly total_step: number;
  };
  readonly learningRate: number;
  readonly modules: readonly string[];
  readonly trace: readonly {
    readonly step: number;
    readonly budget: number;
    readonly allocates: boolean;
    readonly scores?: Readonly<Record<string, readonly number[]>>;
    readonly kept?: Readonly<Record<string, readonly number[]>>;
    readonly E: Readonly<Record<string, readonly number[]>>;
  }[];
}

const golden = (name: string) => readFileSync(new URL(`../../../golden/adalora/${name}`, import.meta.url));
const trace = JSON.parse(golden("allocator.json").toString("utf8")) as Trace;
const { tensors: stored } = parseSafetensors(golden("allocator.safetensors"));
const { total_step: totalSteps, ...settings } = trace.config;
const paths = trace.modules;

/** A tensor of peft's trace in the layout of the graph; `step` picks one from a stack of gradients. */
function taken(part: string, path: string, factor: "A" | "B" | "E", step?: number): Tensor<"f32"> {
  const { shape, ...tensor } = stored.get(`${part}.${path}.lora_${factor}`)!;
  const size = shape.slice(-2);
  const length = size[0]! * size[1]!;
  const data = toF32({ ...tensor, shape }).slice((step ?? 0) * length, ((step ?? 0) + 1) * length);
  return factor === "E" ? f32([length], data) : transposed(f32(size, data));
}

function all(part: string, step?: number): Tensors {
  return new Map(
    paths.flatMap((path) => {
      const { a, e, b } = tripletNames(path);
      return [
        [a, taken(part, path, "A", step)],
        [e, taken(part, path, "E", step)],
        [b, taken(part, path, "B", step)],
      ] as const;
    }),
  );
}

/** p − rate · g, rounded as PyTorch rounds it. */
function moved(values: Tensors, gradients: Tensors): Tensors {
  const rate = Math.fround(trace.learningRate);
  return new Map(
    [...values].map(([name, { shape, data }]) => {
      const gradient = gradients.get(name)?.data;
      return [
        name,
        f32(shape, gradient === undefined ? data : data.map((value, i) => value - Math.fround(rate * gradient[i]!))),
      ];
    }),
  );
}

const initial = all("before");
const allocator = rankAllocator({ settings, initial, paths });

/** What the allocator does not look at. */
const UNREAD = { before: new Map(), observed: [] };

describe("the allocator", () => {
  it("follows peft's through every phase of a run", () => {
    let values: Tensors = new Map([...initial, ...allocator.memory]);
    for (const { step, scores, kept, E } of trace.trace) {
      const gradients = all("grads", step);
      values = moved(values, gradients);
      values = new Map([...values, ...allocator.apply({ step: step + 1, totalSteps, values, gradients, ...UNREAD })]);
      const last = totalSteps - settings.tfinal;
      for (const path of paths) {
        // The final allocation forgets the means that it was made with.
        if (scores !== undefined && step < last) {
          rankScores(values, path).forEach((score, i) => {
            expect(score / scores[path]![i]!, `score of ${path} ${i} after step ${step}`).toBeCloseTo(1, 5);
          });
        }
        const ones = Array(settings.init_r).fill(1);
        expect([step, path, [...values.get(`${path}#kept`)!.data]]).toEqual([step, path, kept?.[path] ?? ones]);
        [...values.get(tripletNames(path).e)!.data].forEach((value, i) => {
          const expected = E[path]![i]!;
          expect(value === 0, `E of ${path} ${i} after step ${step}`).toBe(expected === 0);
          expect(Math.abs(value - expected)).toBeLessThan(1e-6);
        });
      }
    }
    for (const [name, { data }] of all("after")) {
      data.forEach((expected, i) => {
        expect(Math.abs(values.get(name)!.data[i]! - expected)).toBeLessThan(1e-5);
      });
    }
  });

  it("has peft's budget and moments", () => {
    for (const { step, budget, allocates } of trace.trace) {
      const last = totalSteps - settings.tfinal;
      const ours = rankBudget(settings, { index: step, totalSteps, modules: paths.length });
      expect([step, ours.budget]).toEqual([step, budget]);
      // After the last allocation its pattern is applied without asking.
      if (step <= last) expect([step, ours.allocates]).toEqual([step, allocates]);
    }
  });

  it("mutates nothing that it is given", () => {
    const gradients = all("grads", 4);
    const values = new Map([...initial, ...allocator.memory]);
    const before = new Map([...values].map(([name, { shape, data }]) => [name, f32(shape, data.slice())]));
    allocator.apply({ step: 5, totalSteps, values, gradients, ...UNREAD });
    expect(values).toEqual(before);
  });
});

/** A run over given gradients, without an optimizer; the ranks that are left at its end. */
function ranksAfter(changes: Partial<typeof settings>, steps: number): number {
  const options = { ...settings, ...changes };
  const { memory, apply } = rankAllocator({ settings: options, initial, paths });
  let values: Tensors = new Map([...initial, ...memory]);
  for (let step = 0; step < steps; step++) {
    const gradients = all("grads", step);
    values = moved(values, gradients);
    values = new Map([...values, ...apply({ step: step + 1, totalSteps: steps, values, gradients, ...UNREAD })]);
  }
  return paths.reduce(
    (sum, path) => sum + values.get(tripletNames(path).e)!.data.filter((value) => value !== 0).length,
    0,
  );
}

describe("the budget at the end", () => {
  it.each<[Partial<typeof settings>, string]>([
    [{ tfinal: 0, deltaT: 7 }, "no final phase, and no allocation due at the last step"],
    [{ tfinal: 0, tinit: 0, deltaT: 1 }, "peft's defaults"],
    [{ tfinal: 1, tinit: 0 }, "a final phase of one step"],
    [{ tinit: 16, tfinal: 7 }, "one step to allocate in"],
  ])("is met with %j: %s", (changes) => {
    expect(ranksAfter(changes, totalSteps)).toBe(settings.target_r * paths.length);
  });

  it("is constant if the target equals the initial rank", () => {
    expect(ranksAfter({ target_r: settings.init_r, tfinal: 0, tinit: 0, deltaT: 1 }, 6)).toBe(
      settings.init_r * paths.length,
    );
  });
});
