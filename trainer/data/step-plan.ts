import { createRandom } from "../../shared/random.ts";

export interface StepPlanOptions {
  /** How many examples there are, at least one. */
  readonly examples: number;
  /** Examples of a micro-group, at most. */
  readonly batchSize: number;
  /** Micro-groups of an optimizer step, at most. */
  readonly accumulation: number;
  readonly seed: number;
  /** The examples of an epoch, as many as `examples`; each of them once, in a random order, by default. */
  readonly order?: ((epoch: number) => Uint32Array) | undefined;
}

/** Which examples each optimizer step of a run learns from. */
export interface StepPlan {
  readonly stepsPerEpoch: number;
  /**
   * The example numbers of a step, counted from 0 over all epochs, in micro-groups. A pure function of the options and the
   * step: a resumed run needs to remember nothing but its step.
   */
  readonly groups: (step: number) => number[][];
}

export function stepsPerEpoch({ examples, batchSize, accumulation }: Omit<StepPlanOptions, "seed" | "order">): number {
  return Math.ceil(examples / (batchSize * accumulation));
}

/**
 * Shows every example once an epoch, in an order of that epoch's own, or those of an order that is given. The order is cut into stretches whose lengths differ by
 * at most one, so that no step is left with a small, noisy remainder.
 */
export function createStepPlan(options: StepPlanOptions): StepPlan {
  const { examples, batchSize, seed } = options;
  const perEpoch = stepsPerEpoch(options);
  let shuffled: { epoch: number; order: Uint32Array } | undefined;

  const orderOf = options.order ?? ((epoch: number) => createRandom(seed, "order", epoch).permutation(examples));
  function order(epoch: number): Uint32Array {
    if (shuffled?.epoch !== epoch) shuffled = { epoch, order: orderOf(epoch) };
    return shuffled.order;
  }

  return {
    stepsPerEpoch: perEpoch,
    groups(step) {
      const ofStep = evenPart(order(Math.floor(step / perEpoch)), step % perEpoch, perEpoch);
      const count = Math.ceil(ofStep.length / batchSize);
      return Array.from({ length: count }, (_, group) => Array.from(evenPart(ofStep, group, count)));
    },
  };
}

/** Stretch `part` of `count` nearly equal ones. */
export function evenPart(list: Uint32Array, part: number, count: number): Uint32Array {
  const bound = (at: number) => Math.floor((at * list.length) / count);
  return list.subarray(bound(part), bound(part + 1));
}
