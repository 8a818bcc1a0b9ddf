import { describe, expect, it } from "vitest";
import { f32 } from "../../../shared/tensor.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { ADAMW_DEFAULTS, type AdamWConfig, adamwGraph, adamwScalars, slots } from "../../../trainer/optim/adamw.ts";
import { largestDifference, readGoldenJson } from "../golden-llama.ts";

interface Trajectory {
  readonly name: string;
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  readonly maxGradNorm?: number;
  readonly initial: readonly number[];
  /** [step][element]. */
  readonly gradients: readonly (readonly number[])[];
  readonly parameters: readonly (readonly number[])[];
  readonly gradNorms?: readonly number[];
  readonly firstMoment: readonly number[];
  readonly secondMoment: readonly number[];
}

const executor = createOnnxRuntimeExecutor({ threads: 1 });
const { trajectories } = readGoldenJson<{ trajectories: Trajectory[] }>("optim/adamw.json");

/** A named vector: its first value, its gradients by step, and whether it decays. */
interface Vector {
  readonly name: string;
  readonly initial: readonly number[];
  readonly gradients: readonly (readonly number[])[];
  readonly decay: boolean;
}

async function descend(vectors: readonly Vector[], config: AdamWConfig, learningRate: number) {
  const parameters = vectors.map(({ name, initial, decay }) => ({ name, shape: [initial.length], decay }));
  const program = await executor.compile(adamwGraph(parameters, config));
  let state = Object.fromEntries(
    vectors.flatMap(({ name, initial }) => {
      const { parameter, m, v } = slots(name);
      const zero = f32([initial.length], new Float32Array(initial.length));
      return [
        [parameter, f32([initial.length], initial)],
        [m, zero],
        [v, zero],
      ];
    }),
  );
  const norms: number[] = [];
  const values: Record<string, number[][]> = Object.fromEntries(vectors.map(({ name }) => [name, []]));
  for (let step = 1; step <= vectors[0]!.gradients.length; step++) {
    const gradients = vectors.map(({ name, gradients }) => {
      const gradient = gradients[step - 1]!;
      return [slots(name).gradient, f32([gradient.length], gradient)] as const;
    });
    const scalars = Object.entries(adamwScalars(config, step, learningRate)).map(
      ([name, value]) => [name, f32([], [value])] as const,
    );
    const { grad_norm: norm, ...next } = await program.run({
      ...state,
      ...Object.fromEntries([...gradients, ...scalars]),
    });
    state = next as typeof state;
    norms.push(Number(norm!.data[0]));
    for (const { name } of vectors) values[name]!.push(Array.from(state[name]!.data));
  }
  await program.dispose();
  return { state, norms, values };
}

const configOf = ({ beta1, beta2, epsilon, weightDecay, maxGradNorm }: Trajectory): AdamWConfig => ({
  beta1,
  beta2,
  epsilon,
  weightDecay,
  maxGradNorm: maxGradNorm ?? 0,
});

describe("adamwGraph", { timeout: 30_000 }, () => {
  it.each(trajectories)("follows torch.optim.AdamW: $name", async (golden) => {
    const vector = { name: "x", initial: golden.initial, gradients: golden.gradients, decay: true };
    const { state, norms, values } = await descend([vector], configOf(golden), golden.learningRate);
    golden.parameters.forEach((expected, step) => {
      expect(largestDifference(values.x![step]!, expected)).toBeLessThan(1e-5 * (golden.learningRate / 0.01));
    });
    if (golden.gradNorms !== undefined) expect(largestDifference(norms, golden.gradNorms)).toBeLessThan(1e-5);
    expect(largestDifference(state["x#m"]!.data, golden.firstMoment)).toBeLessThan(1e-6);
    expect(largestDifference(state["x#v"]!.data, golden.secondMoment)).toBeLessThan(1e-6);
  });

  it("does not decay parameters without decay", async () => {
    const [plain, decayed] = trajectories as [Trajectory, Trajectory];
    expect([plain.weightDecay, decayed.weightDecay]).toEqual([0, 0.1]);
    const vector = { name: "norm", initial: decayed.initial, gradients: plain.gradients, decay: false };
    const { values } = await descend([vector], configOf(decayed), plain.learningRate);
    expect(largestDifference(values.norm!.at(-1)!, plain.parameters.at(-1)!)).toBeLessThan(1e-5);
  });

  it("clips by the norm over all parameters combined", async () => {
    const golden = trajectories.find(({ name }) => name === "clipped to norm 1")!;
    const part = (name: string, from: number, to: number): Vector => ({
      name,
      initial: golden.initial.slice(from, to),
      gradients: golden.gradients.map((gradient) => gradient.slice(from, to)),
      decay: true,
    });
    const { norms, values } = await descend([part("a", 0, 2), part("b", 2, 5)], configOf(golden), golden.learningRate);
    expect(largestDifference(norms, golden.gradNorms!)).toBeLessThan(1e-5);
    const last = [...values.a!.at(-1)!, ...values.b!.at(-1)!];
    expect(largestDifference(last, golden.parameters.at(-1)!)).toBeLessThan(1e-5);
  });

  it("reports the norm before clipping, and does not clip if the limit is 0", async () => {
    const vector = { name: "x", initial: [1, 1], gradients: [[30, 40]], decay: true };
    const far = { ...ADAMW_DEFAULTS, epsilon: 1 };
    const [open, clipped] = [await descend([vector], { ...far, maxGradNorm: 0 }, 1), await descend([vector], far, 1)];
    expect([open.norms, clipped.norms]).toEqual([[50], [50]]);
    // With ε = 1 a first step is g/(|g| + 1).
    expect(largestDifference(open.values.x![0]!, [1 - 30 / 31, 1 - 40 / 41])).toBeLessThan(1e-5);
    expect(largestDifference(clipped.values.x![0]!, [1 - 0.6 / 1.6, 1 - 0.8 / 1.8])).toBeLessThan(1e-5);
  });
});

describe("adamwScalars", () => {
  it("corrects the moments' bias, counting steps from 1", () => {
    const config = { ...ADAMW_DEFAULTS, beta1: 0.9, beta2: 0.99 };
    const { lr, correction1, correction2 } = adamwScalars(config, 2, 0.25);
    expect(lr).toBe(0.25);
    expect(correction1).toBeCloseTo(0.19, 12);
    expect(correction2).toBeCloseTo(Math.sqrt(1 - 0.99 * 0.99), 12);
  });
});
