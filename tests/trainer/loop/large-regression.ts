import { GraphBuilder } from "../../../shared/graph/builder.ts";
import type { Parameter } from "../../../shared/peft/method.ts";
import { createRandom } from "../../../shared/random.ts";
import { elementCount, f32, type Tensor } from "../../../shared/tensor.ts";
import { gradientGraph } from "../../../trainer/loop/gradient-graph.ts";
import type { TrainingPlan } from "../../../trainer/loop/train.ts";
import type { PageStore } from "../../../trainer/loop/update.ts";
import { ADAMW_DEFAULTS } from "../../../trainer/optim/adamw.ts";

/** Σ (x − target)² over parameters of any size, each with a target of its own: enough for an optimizer to work on. */
export function largePlan(parameters: readonly Parameter[], changes: Partial<TrainingPlan> = {}): TrainingPlan {
  const b = new GraphBuilder("large");
  const inputs = new Map(parameters.map(({ name, shape }) => [name, b.input(name, "f32", shape)]));
  const target = b.input("target", "f32", []);
  const losses = parameters.map(({ name, shape }, i) => {
    const error = b.sub(inputs.get(name)!, b.mul(target, (i + 1) / 7));
    return b.reduceSum(
      b.square(error),
      shape.map((_, axis) => axis),
    );
  });
  const loss = b.mul(
    losses.reduce((sum, one) => b.add(sum, one)),
    1e-6,
  );
  return {
    gradients: gradientGraph(b, { loss, parameters, parameter: (name) => inputs.get(name)! }),
    frozen: new Map(),
    parameters,
    optimizer: { ...ADAMW_DEFAULTS, weightDecay: 0.1, maxGradNorm: 7e-4 },
    schedule: { kind: "cosine", peak: 0.01, warmupSteps: 1, totalSteps: 5 },
    batches: (step) => [{ feeds: { target: f32([], [Math.sin(step + 1)]) }, trainedTokens: 1 }],
    ...changes,
  };
}

export function randomStart(parameters: readonly Parameter[]): Map<string, Tensor> {
  return new Map(
    parameters.map(({ name, shape }) => {
      const random = createRandom(1, name);
      return [
        name,
        f32(
          shape,
          Float32Array.from({ length: elementCount(shape) }, () => random.float() - 0.5),
        ),
      ];
    }),
  );
}

/** A page store in memory. */
export function memoryStore(count: number): PageStore & { readonly numbers: Float32Array } {
  const numbers = new Float32Array(count);
  return {
    numbers,
    read: (start, into) => into.set(numbers.subarray(start, start + into.length)),
    write: (start, from) => numbers.set(from, start),
  };
}
