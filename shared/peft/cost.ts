/**
 * What a method costs on a model, computed from the model's shape. Counts are exact. Memory and times are estimates for this
 * project's trainer and edge on a CPU, meant for comparing methods with one another on one machine.
 */
import type { ModelConfig } from "../model/config.ts";
import { linearModules, parameterCount } from "../model/modules.ts";
import { totalElements } from "../tensor.ts";
import type { MethodPlan, Parameter } from "./method.ts";
import { isWholeModel, publishedNumbers } from "./plan.ts";

export interface MethodCost {
  readonly trainableParameters: number;
  /** The size of a published delta: the adapter's files and its serving form. */
  readonly deltaBytes: number;
  readonly trainingPeakBytes: number;
  readonly trainingMsPerToken: number;
  /** The relative slowdown of a decoding step of one row over the bare base: 0.1 means 10% slower. */
  readonly servingOverhead: number;
}

/** A micro-batch of training. */
export interface TrainingBatch {
  readonly rows: number;
  /** Tokens per row, including placeholders of virtual tokens and padding. */
  readonly tokens: number;
  /** Text tokens in all rows. */
  readonly text: number;
}

/** The default batch of the training estimates. Virtual tokens are added to it. */
export const ESTIMATED_BATCH = { rows: 8, tokens: 128 } as const;

/**
 * Fitted to processor time and peak memory of training steps on 25 models of 3 to 16 million parameters with two threads
 * (`npm run bench -- peft` measures the embedded base): the rate of matrix products, and the time of elementwise operations
 * for each number kept for the backward pass.
 */
const TRAINING_FLOPS_PER_SECOND = 347e9;
const SECONDS_PER_KEPT_NUMBER = 0.98e-9;
/** The time of an optimizer step for each number that it updates. */
const UPDATE_SECONDS = 5e-9;
/** The trainer's memory without a model. */
const PROCESS_BYTES = 166e6;
/** The trainer's engine repacks a frozen base of up to this size, which takes the memory of this many copies. */
const PACKED_BASE_BYTES = 256 * 1024 * 1024;
const COPIES_OF_PACKED_BASE = 4.5;
/** A trained number, its gradient, its moments and their updates, on both sides of the engine boundary. */
const BYTES_OF_TRAINED_NUMBER = 64;
/**
 * Fitted to decoding steps of one row on one WASM thread (`npm run bench -- serving`). The base's weights are read at the
 * first rate and a row's own matrices at the second, because multiplying one row by a small matrix is mostly overhead. Each
 * layer also takes a fixed time.
 */
const BASE_BYTES_PER_SECOND = 15e9;
const DELTA_BYTES_PER_SECOND = 3e9;
const LAYER_SECONDS = 32e-6;
/** Fixed costs: factors, or a scale and a bias, in each linear layer; bottlenecks in each layer of the model. */
const FACTORS_SECONDS = 6e-6;
const VECTORS_SECONDS = 4e-6;
const BOTTLENECKS_SECONDS = 90e-6;
/** The JSON files and tensor names of a published delta. */
const FOLDER_OVERHEAD_BYTES = 4096;

export function estimateCost(
  config: ModelConfig,
  plan: MethodPlan,
  batch: TrainingBatch = estimatedBatch(plan),
): MethodCost {
  const trainable = trainedNumbers(plan);
  const published = publishedNumbers(plan);
  const whole = isWholeModel(plan);
  return {
    trainableParameters: trainable,
    deltaBytes: (whole ? 4 : 8) * published + FOLDER_OVERHEAD_BYTES,
    trainingPeakBytes: trainingBytes(config, plan, batch),
    trainingMsPerToken: (1000 * trainingSeconds(config, plan, batch)) / batch.text,
    servingOverhead: whole ? 0 : servingOverhead(config, plan, published),
  };
}

/** The size of the matrices that every token is multiplied by. */
function matrixNumbers(config: ModelConfig): number {
  const linears = linearModules(config).reduce((sum, module) => sum + module.in * module.out, 0);
  return linears + config.vocabSize * config.hiddenSize;
}

/** The positions that training computes like text. With a prefix in the same list, its positions are counted here too. */
function virtualTokens({ claims = [], serving }: MethodPlan): number {
  return claims.includes("virtual tokens") ? serving.positions : 0;
}

function estimatedBatch(plan: MethodPlan): TrainingBatch {
  const { rows, tokens } = ESTIMATED_BATCH;
  return { rows, tokens: tokens + virtualTokens(plan), text: rows * tokens };
}

/**
 * The time of one step. Each number of the base takes two operations forward and two for the input's gradient; a trained
 * matrix takes two more for its own gradient. Attention is quadratic in the row's length and includes the prefix.
 * Placeholders and padding cost as much as text.
 */
function trainingSeconds(config: ModelConfig, plan: MethodPlan, batch: TrainingBatch): number {
  const { layers, heads, headDim } = config;
  const attention = 12 * layers * heads * headDim * seenTokens(plan, batch);
  const trained = trainedNumbers(plan, ({ shape }) => shape.length === 2 && plan.serving.positions === 0);
  const base = matrixNumbers(config);
  const products = isWholeModel(plan) ? 6 * base : 4 * base + 6 * trained;
  const position =
    (products + attention) / TRAINING_FLOPS_PER_SECOND + SECONDS_PER_KEPT_NUMBER * keptNumbers(config, plan, batch);
  return batch.rows * batch.tokens * position + UPDATE_SECONDS * trainedNumbers(plan);
}

/** The memory of the process, the frozen base, the trained parameters, and the activations kept for the backward pass. */
function trainingBytes(config: ModelConfig, plan: MethodPlan, batch: TrainingBatch): number {
  const base = 4 * parameterCount(config);
  const copies = base > PACKED_BASE_BYTES ? 1 : COPIES_OF_PACKED_BASE;
  const frozen = plan.frozenBytes ?? (isWholeModel(plan) ? 0 : copies * base);
  // Logits, their softmax and gradients exist at the same time, but only briefly.
  const kept = keptNumbers(config, plan, batch) + 6 * config.vocabSize;
  return PROCESS_BYTES + frozen + BYTES_OF_TRAINED_NUMBER * trainedNumbers(plan) + 4 * batch.rows * batch.tokens * kept;
}

/** The numbers per position that the layers keep for the backward pass, plus temporary ones. */
function keptNumbers(
  { layers, hiddenSize, ffnSize, heads, kvHeads, headDim }: ModelConfig,
  plan: MethodPlan,
  batch: TrainingBatch,
): number {
  const states = 3 * hiddenSize + 2 * headDim * (heads + kvHeads) + 4 * ffnSize + 1.5 * heads * seenTokens(plan, batch);
  // Like the gradient of a weight, the gradient of a factor is a product with the layer's input.
  const needsInputs = isWholeModel(plan) || plan.serving.rank > 0;
  const inputs = needsInputs ? 1.7 * (2 * hiddenSize + heads * headDim + ffnSize) : 0;
  return layers * (states + inputs);
}

/** The number of positions that a full row attends to. */
function seenTokens(plan: MethodPlan, { tokens }: TrainingBatch): number {
  return tokens + plan.serving.positions - virtualTokens(plan);
}

function trainedNumbers({ parameters }: MethodPlan, counts: (parameter: Parameter) => boolean = () => true): number {
  return totalElements(parameters.filter(counts));
}

/** The time of a row's step depends on the numbers that it reads and on the number of products. */
function servingOverhead(config: ModelConfig, { serving }: MethodPlan, published: number): number {
  const { layers, kvHeads, headDim } = config;
  const base = (4 * matrixNumbers(config)) / BASE_BYTES_PER_SECOND + layers * LAYER_SECONDS;
  const linears = linearModules(config).length;
  const read = serving.positions === 0 ? published : 2 * serving.positions * layers * kvHeads * headDim;
  const added =
    (serving.rank > 0 ? linears * FACTORS_SECONDS : 0) +
    (serving.vectors > 0 ? linears * VECTORS_SECONDS : 0) +
    (serving.columns > 0 ? layers * BOTTLENECKS_SECONDS : 0);
  return ((4 * read) / DELTA_BYTES_PER_SECOND + added) / base;
}
