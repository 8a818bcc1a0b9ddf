import { sha256Hex } from "../../shared/formats/digest.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import type { BatchShape } from "../../shared/model/training-forward.ts";
import type { Weights } from "../../shared/model/weights.ts";
import type { AttachedMethod } from "../../shared/peft/method.ts";
import type { Tensor } from "../../shared/tensor.ts";
import type { Executor } from "../../trainer/engines/executor.ts";
import { drawMasks } from "../../trainer/loop/random-masks.ts";
import { train } from "../../trainer/loop/train.ts";
import { initialState } from "../../trainer/loop/training-state.ts";
import { ADAMW_DEFAULTS } from "../../trainer/optim/adamw.ts";
import { frozenTensors, trainingGraph } from "../../trainer/recipes/causal-graphs.ts";
import type { ResultFolder } from "../../trainer/recipes/result.ts";

export interface ShortRun {
  readonly config: ModelConfig;
  readonly weights: Weights;
  /** The batch that every step uses. */
  readonly shape: BatchShape;
  readonly feeds: Readonly<Record<string, Tensor>>;
  readonly trainedTokens: number;
  /** Learning rate as a multiple of LoRA's, which is 0.01. */
  readonly learningRate: number;
}

/** The losses of thirty steps from the method's initial values. */
export async function lossesOf(executor: Executor, method: AttachedMethod, run: ShortRun): Promise<number[]> {
  const { config, weights, shape, feeds, trainedTokens } = run;
  const { parameters, initial, afterStep } = method;
  const losses: number[] = [];
  const masks = method.randomInputs(shape);
  await train(
    executor,
    {
      gradients: trainingGraph({ config, method, shape }),
      frozen: frozenTensors(weights, method),
      parameters,
      optimizer: ADAMW_DEFAULTS,
      schedule: { kind: "constant", peak: 0.01 * run.learningRate, warmupSteps: 0, totalSteps: 30 },
      ...(afterStep === undefined ? {} : { afterStep }),
      batches: (step) => [{ feeds: { ...feeds, ...drawMasks(masks, { seed: 1, step, micro: 0 }) }, trainedTokens }],
    },
    initialState(parameters, initial, afterStep?.memory),
    { onStep: ({ loss }) => void losses.push(loss) },
  );
  return losses;
}

/** Lists a published folder's files with their digests. */
export async function listed({ kind, files }: ResultFolder) {
  const list = [...files].map(async ([name, bytes]) => {
    return { name, bytes: bytes.byteLength, sha256: await sha256Hex(bytes) };
  });
  return { kind, files: await Promise.all(list) };
}
