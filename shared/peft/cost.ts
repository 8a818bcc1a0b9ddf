/**
 * What a method costs on a model, from the model's shape alone. Counts are exact; bytes of memory and times are estimates for
 * the trainer and the edge of this project on a CPU, made to compare methods with one another on one machine.
 *
 * Legend: D hidden size, F feed-forward size, L layers, H and K query and key heads, P head width, V vocabulary, T tokens of a row.
 */
import type { ModelConfig } from "../model/config.ts";
import { linearModules, parameterCount } from "../model/modules.ts";
import { totalElements } from "../tensor.ts";
import type { MethodPlan, Parameter } from "./method.ts";
import { isWholeModel, publishedNumbers } from "./plan.ts";

export interface MethodCost {
  readonly trainableParameters: number;
  /** Of a published delta: the adapter's files and its serving form. */
  readonly deltaBytes: number;
  readonly trainingPeakBytes: number;
  readonly trainingMsPerToken: number;
  /** What a decoding step of one row takes longer than on the bare base, as a share: 0.1 is a tenth more. */
  readonly servingOverhead: number;
}

/** A micro-batch of training. */
export interface TrainingBatch {
  readonly rows: number;
  /** Of each row, placeholders of virtual tokens and padding included. */
  readonly tokens: number;
  /** Tokens of text in all rows together. */
  readonly text: number;
}

/** The text that the training estimates are for where nothing else is said; virtual tokens come on top. */
export const ESTIMATED_BATCH = { rows: 8, tokens: 128 } as const;

/**
 * Fitted to processor time and peak memory of training steps on 25 models of 3 to 16 million parameters, with two threads
 * (`npm run bench -- peft` measures the embedded base): products of matrices, and what elementwise operations take for each
 * number that the backward pass keeps.
 */
const TRAINING_FLOPS_PER_SECOND = 347e9;
const SECONDS_PER_KEPT_NUMBER = 0.98e-9;
/** An optimizer step, for each number that it changes. */
const UPDATE_SECONDS = 5e-9;
/** The trainer without a model. */
const PROCESS_BYTES = 166e6;
/** The trainer's engine keeps a frozen base of up to so many bytes in forms of its own, which amount to so many copies. */
const PACKED_BASE_BYTES = 256 * 1024 * 1024;
const COPIES_OF_PACKED_BASE = 4.5;
/** Each trained number with its gradient, its moments and what an update makes of them, on both sides of the engine's border. */
const BYTES_OF_TRAINED_NUMBER = 64;
/**
 * Fitted to decoding steps of one row, one WASM thread (`npm run bench -- serving`): the base's weights are read at the first
 * rate and a row's own matrices at the second, since a product of one row with a small matrix is mostly overhead; and each
 * layer takes some time whatever its size.
 */
const BASE_BYTES_PER_SECOND = 15e9;
const DELTA_BYTES_PER_SECOND = 3e9;
const LAYER_SECONDS = 32e-6;
/** Added to every linear layer by factors, and by a scale and a bias; to every layer of the model by bottlenecks. */
const FACTORS_SECONDS = 8e-6;
const VECTORS_SECONDS = 4e-6;
const BOTTLENECKS_SECONDS = 90e-6;
/** JSON files and tensor names of a published delta. */
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

/** Numbers of the matrices that every token is multiplied by. */
function matrixNumbers(config: ModelConfig): number {
  const linears = linearModules(config).reduce((sum, module) => sum + module.in * module.out, 0);
  return linears + config.vocabSize * config.hiddenSize;
}

/** Positions that training computes like text. A list that has a prefix too is taken to have nothing but virtual tokens. */
function virtualTokens({ claims = [], serving }: MethodPlan): number {
  return claims.includes("virtual tokens") ? serving.positions : 0;
}

function estimatedBatch(plan: MethodPlan): TrainingBatch {
  const { rows, tokens } = ESTIMATED_BATCH;
  return { rows, tokens: tokens + virtualTokens(plan), text: rows * tokens };
}

/**
 * One step. Two operations a number forward and two for the gradient of the input, through the base; two more for the
 * gradient of a matrix that trains. Attention is quadratic in the row, with a prefix before it. Placeholders and padding are
 * computed as text is.
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

/** The process, the frozen base, what is trained, and what the backward pass needs of the forward pass. */
function trainingBytes(config: ModelConfig, plan: MethodPlan, batch: TrainingBatch): number {
  const base = 4 * parameterCount(config);
  const copies = base > PACKED_BASE_BYTES ? 1 : COPIES_OF_PACKED_BASE;
  const frozen = plan.frozenBytes ?? (isWholeModel(plan) ? 0 : copies * base);
  // Logits, their softmax and gradients are held at once, but soon gone through.
  const kept = keptNumbers(config, plan, batch) + 6 * config.vocabSize;
  return PROCESS_BYTES + frozen + BYTES_OF_TRAINED_NUMBER * trainedNumbers(plan) + 4 * batch.rows * batch.tokens * kept;
}

/** Numbers that the layers keep of each position until the backward pass has used them, and take on the way. */
function keptNumbers(
  { layers, hiddenSize, ffnSize, heads, kvHeads, headDim }: ModelConfig,
  plan: MethodPlan,
  batch: TrainingBatch,
): number {
  const states = 3 * hiddenSize + 2 * headDim * (heads + kvHeads) + 4 * ffnSize + 1.5 * heads * seenTokens(plan, batch);
  // The gradient of a factor, as that of a weight, is a product with the layer's input.
  const needsInputs = isWholeModel(plan) || plan.serving.rank > 0;
  const inputs = needsInputs ? 1.7 * (2 * hiddenSize + heads * headDim + ffnSize) : 0;
  return layers * (states + inputs);
}

/** What a token of a full row attends over. */
function seenTokens(plan: MethodPlan, { tokens }: TrainingBatch): number {
  return tokens + plan.serving.positions - virtualTokens(plan);
}

function trainedNumbers({ parameters }: MethodPlan, counts: (parameter: Parameter) => boolean = () => true): number {
  return totalElements(parameters.filter(counts));
}

/** A row's step is bound by the numbers that it reads, and by how many products it runs through. */
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
