import { GraphBuilder } from "../../shared/graph/builder.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import { weightSpecs } from "../../shared/model/modules.ts";
import { type BatchShape, trainingForward } from "../../shared/model/training-forward.ts";
import type { Parameter } from "../../shared/peft/method.ts";
import { gradientGraph } from "../loop/gradient-graph.ts";
import type { MicroBatch, TrainingPlan } from "../loop/train.ts";
import { crossEntropy } from "../losses/cross-entropy.ts";
import type { AdamWConfig } from "../optim/adamw.ts";
import type { Schedule } from "../optim/schedule.ts";

export interface PretrainOptions {
  readonly config: ModelConfig;
  readonly shape: BatchShape;
  readonly optimizer: AdamWConfig;
  readonly schedule: Schedule;
  /** The feeds of `crossEntropy` and `trainingForward`, one micro-batch a step, a pure function of the step. */
  readonly batch: (step: number) => MicroBatch;
}

/** Every weight of the model; norms are not decayed. */
export function allParameters(config: ModelConfig): Parameter[] {
  return weightSpecs(config).map(({ name, shape }) => ({ name, shape, decay: shape.length > 1 }));
}

/** Trains every weight to predict the next token of running text. */
export function pretrainPlan({ config, shape, optimizer, schedule, batch }: PretrainOptions): TrainingPlan {
  const b = new GraphBuilder("pretrain");
  const { logits, weight } = trainingForward(b, config, shape);
  const parameters = allParameters(config);
  const gradients = gradientGraph(b, { loss: crossEntropy(b, logits), parameters, parameter: weight });
  return { gradients, frozen: new Map(), parameters, optimizer, schedule, batches: (step) => [batch(step)] };
}
