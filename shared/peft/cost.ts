/**
 * What a method costs on a model, from the model's shape alone. Counts are exact; bytes of memory and times are estimates for
 * the trainer and the edge of this project on a CPU, made to compare methods with one another on one machine.
 *
 * Legend: D hidden size, F feed-forward size, L layers, H and K query and key heads, P head width, V vocabulary, T tokens of a row.
 */
import type { ModelConfig } from "../model/config.ts";
import { linearModules, parameterCount } from "../model/modules.ts";
import { elementCount } from "../tensor.ts";
import type { MethodPlan } from "./method.ts";

export interface MethodCost {
  readonly trainableParameters: number;
  /** Of a published delta: the adapter's files and its serving form. */
  readonly deltaBytes: number;
  readonly trainingPeakBytes: number;
  readonly trainingMsPerToken: number;
  /** What a decoding step of one row takes longer than on the bare base, as a share: 0.1 is a tenth more. */
  readonly servingOverhead: number;
}

/** The batch that the training estimates are for. */
export const ESTIMATED_BATCH = { rows: 8, tokens: 128 } as const;

/** Sustained on two CPU cores by the training graphs of the embedded base. */
const TRAINING_FLOPS_PER_SECOND = 110e9;
/** One WASM thread reads weights at this rate when it decodes one row. */
const DECODING_BYTES_PER_SECOND = 27e9;
/** A node of the decode graph on a row takes this long beside its arithmetic. */
const DECODING_NODE_SECONDS = 3e-6;
/** Nodes that the decode graph has for a layer of the base. */
const BASE_NODES_PER_LAYER = 16;
/** JSON files and tensor names of a published delta. */
const FOLDER_OVERHEAD_BYTES = 4096;

export function estimateCost(config: ModelConfig, plan: MethodPlan): MethodCost {
  const trainable = plan.parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  const published = plan.published ?? trainable;
  const whole = isWholeModel(plan);
  return {
    trainableParameters: trainable,
    deltaBytes: (whole ? 4 : 8) * published + FOLDER_OVERHEAD_BYTES,
    trainingPeakBytes: trainingBytes(config, plan, trainable),
    trainingMsPerToken: (1000 * trainingFlops(config, plan)) / TRAINING_FLOPS_PER_SECOND,
    servingOverhead: whole ? 0 : servingOverhead(config, plan, published),
  };
}

/** Nothing of it is served on top of the base. */
function isWholeModel({ serving }: MethodPlan): boolean {
  return Object.values(serving).every((part) => part === 0);
}

/** Numbers of the matrices that every token is multiplied by. */
function matrixNumbers(config: ModelConfig): number {
  const linears = linearModules(config).reduce((sum, module) => sum + module.in * module.out, 0);
  return linears + config.vocabSize * config.hiddenSize;
}

/**
 * Two operations a number forward and two for the gradient of the input, through the base; two more for the gradient of
 * a matrix that trains. Attention is quadratic in the row, the method's own positions included.
 */
function trainingFlops(config: ModelConfig, plan: MethodPlan): number {
  const { layers, heads, headDim } = config;
  const { positions } = plan.serving;
  const row = ESTIMATED_BATCH.tokens + positions;
  const attention = 3 * 2 * 2 * layers * heads * headDim * row;
  const trained = plan.parameters
    .filter(({ shape }) => shape.length === 2 && positions === 0)
    .reduce((sum, { shape }) => sum + elementCount(shape), 0);
  const base = matrixNumbers(config);
  const products = isWholeModel(plan) ? 6 * base : 4 * base + 6 * trained;
  // Placeholders are computed and teach nothing: the text's tokens pay for them.
  return (products + attention) * (row / ESTIMATED_BATCH.tokens);
}

/**
 * The frozen base; each trained number with its gradient before and after, two moments, and all of it a second time while an
 * update is made; and what the backward pass needs of the forward pass.
 */
function trainingBytes(config: ModelConfig, plan: MethodPlan, trainable: number): number {
  const { hiddenSize, ffnSize, layers, heads, kvHeads, headDim, vocabSize } = config;
  const row = ESTIMATED_BATCH.tokens + plan.serving.positions;
  const ofLayer = 6 * hiddenSize + 4 * headDim * (heads + kvHeads) + 5 * ffnSize + heads * row;
  const activations = ESTIMATED_BATCH.rows * row * (layers * ofLayer + 4 * vocabSize);
  const frozen = plan.frozenBytes ?? (isWholeModel(plan) ? 0 : 4 * parameterCount(config));
  return frozen + 4 * (8 * trainable + activations);
}

/** A row's step is bound by the weights that it reads, and by how many nodes it runs through. */
function servingOverhead(config: ModelConfig, { serving }: MethodPlan, published: number): number {
  const { layers, kvHeads, headDim } = config;
  const base = stepSeconds(4 * matrixNumbers(config), layers * BASE_NODES_PER_LAYER);
  const linears = linearModules(config).length;
  const read = serving.positions === 0 ? published : 2 * serving.positions * layers * kvHeads * headDim;
  const nodes =
    (serving.rank > 0 ? 4 * linears : 0) +
    (serving.vectors > 0 ? 2 * linears : 0) +
    (serving.columns > 0 ? 8 * layers : 0);
  return stepSeconds(4 * read, nodes) / base;
}

function stepSeconds(bytes: number, nodes: number): number {
  return bytes / DECODING_BYTES_PER_SECOND + nodes * DECODING_NODE_SECONDS;
}
