import { TrimtabError } from "../errors.ts";
import { dequantiseScales, quantiseScales } from "../formats/double-quantisation.ts";
import { DYNAMIC_BLOCK } from "../formats/dynamic-quantisation.ts";
import { dequantiseNf4, NF4_BLOCK, type Nf4Blocks, quantiseNf4 } from "../formats/nf4.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import type { Value } from "../graph/graph.ts";
import { elementCount, f32, type Tensor, tensor } from "../tensor.ts";
import type { ModelConfig } from "./config.ts";
import { linearModules, parameterCount, weightName } from "./modules.ts";
import type { ModelRewrite } from "./rewrite.ts";
import { fileValues, transposed, type Weights } from "./weights.ts";

/**
 * A frozen base in 4 bits: the weights of the linear layers of every block as NF4, each under a few names of its own in
 * place of one in float32. Embedding, norms, biases and head stay as they are, as in QLoRA.
 *
 * A weight is quantised in its file's layout [out, in], flattened, as bitsandbytes does; blocks of 64 may span rows. The
 * shapes are those that `matmulNf4` takes: 4.5 bits a weight, 4.127 with the scales quantised too, in memory as on paper.
 */
export interface Quantisation {
  /** Whether the scales of the blocks are 8-bit numbers themselves. */
  readonly doubleQuantised: boolean;
}

/** Graph inputs that hold a weight, in the order in which `matmulNf4` takes them. */
function inputsOf(weight: string, { doubleQuantised }: Quantisation): string[] {
  const scales = doubleQuantised ? ["absmax_codes", "nested_absmax", "absmax_offset"] : ["absmax"];
  return ["nf4", ...scales].map((part) => `${weight}.${part}`);
}

/** Bytes of a whole base that is held so: the linear weights in 4 bits with their scales, the others in float32. */
export function quantisedBytes(config: ModelConfig, { doubleQuantised }: Quantisation): number {
  const numbers = linearModules(config).map((module) => module.in * module.out);
  const quantised = numbers.reduce((sum, count) => {
    const blocks = Math.ceil(count / NF4_BLOCK);
    const groups = Math.ceil(blocks / DYNAMIC_BLOCK);
    return sum + Math.ceil(count / 2) + (doubleQuantised ? groups * (DYNAMIC_BLOCK + 4) + 4 : 4 * blocks);
  }, 0);
  return quantised + 4 * (parameterCount(config) - numbers.reduce((sum, count) => sum + count, 0));
}

/** Names of the weights that `quantiseWeights` replaces. */
export function quantisedNames(config: ModelConfig): string[] {
  return linearModules(config).map(({ path }) => weightName(path));
}

/**
 * The linear weights of a model in 4 bits, by graph input. Each is read once and in parts, where the weights come from
 * files. Throws `non_finite`, naming the weight, for a value that is not a number.
 */
export function quantiseWeights(
  config: ModelConfig,
  weights: Weights,
  quantisation: Quantisation,
): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  for (const name of quantisedNames(config)) {
    const blocks = quantiseWeight(name, weights);
    const held = [tensor("u8", [blocks.packed.length], blocks.packed), ...scaleTensors(blocks.absmax, quantisation)];
    inputsOf(name, quantisation).forEach((input, i) => {
      tensors.set(input, held[i]!);
    });
  }
  return tensors;
}

/** xW [..., out] of every linear layer whose weight `quantiseWeights` holds; `input` gives its graph inputs by name. */
export function nf4Products(
  b: GraphBuilder,
  options: {
    readonly config: ModelConfig;
    readonly quantisation: Quantisation;
    readonly input: (name: string) => Value;
  },
): NonNullable<ModelRewrite["product"]> {
  const modules = new Map(linearModules(options.config).map((module) => [module.path, module]));
  return (path, x) => {
    const module = modules.get(path);
    if (module === undefined) return undefined;
    const matrix = inputsOf(weightName(path), options.quantisation).map(options.input);
    return b.matmulNf4(x, matrix, { rows: module.out, columns: module.in, transB: true });
  };
}

/**
 * What a weight of the base, in the layout of `weightSpecs`, is to an adapter that is trained on the base in 4 bits: the
 * float32 values that the products are made with. Weights that stay as they are come back as the same object. Merging an
 * adapter onto anything else changes what it computes.
 */
export function throughNf4(
  config: ModelConfig,
  quantisation: Quantisation,
): (name: string, weight: Tensor<"f32">) => Tensor<"f32"> {
  const quantised = new Set(quantisedNames(config));
  return (name, weight) => {
    if (!quantised.has(name)) return weight;
    const inFile = transposed(weight);
    const { packed, absmax } = quantiseNamed(name, () => quantiseNf4(inFile.data));
    const scales = quantisation.doubleQuantised ? dequantiseScales(quantiseScales(absmax)) : absmax;
    return transposed(f32(inFile.shape, dequantiseNf4({ packed, absmax: scales }, inFile.data.length)));
  };
}

/** How many values are quantised at a time: a multiple of the block, and even. */
const PART = 1 << 18;

/** In parts from a file; a weight in memory is turned back to its file's layout. */
function quantiseWeight(name: string, weights: Weights): Nf4Blocks {
  return quantiseNamed(name, () => {
    if (weights.fileTensor === undefined) return quantiseNf4(transposed(weights.get(name)!).data);
    const stored = weights.fileTensor(name);
    const count = elementCount(stored.shape);
    const packed = new Uint8Array(Math.ceil(count / 2));
    const absmax = new Float32Array(Math.ceil(count / NF4_BLOCK));
    for (let start = 0; start < count; start += PART) {
      const part = quantiseNf4(fileValues(stored, start, Math.min(count, start + PART)), start);
      packed.set(part.packed, start / 2);
      absmax.set(part.absmax, start / NF4_BLOCK);
    }
    return { packed, absmax };
  });
}

function quantiseNamed(name: string, quantise: () => Nf4Blocks): Nf4Blocks {
  try {
    return quantise();
  } catch (cause) {
    if (cause instanceof TrimtabError) throw new TrimtabError(cause.code, `${name}: ${cause.message}`, { cause });
    throw cause;
  }
}

/** As `matmulNf4` takes them: codes in whole groups of 256. */
function scaleTensors(absmax: Float32Array, { doubleQuantised }: Quantisation): Tensor[] {
  if (!doubleQuantised) return [f32([absmax.length], absmax)];
  const scales = quantiseScales(absmax);
  const groups = scales.absmax.length;
  const codes = new Uint8Array(groups * DYNAMIC_BLOCK);
  codes.set(scales.codes);
  return [tensor("u8", [groups, DYNAMIC_BLOCK], codes), f32([groups, 1], scales.absmax), f32([], [scales.offset])];
}
