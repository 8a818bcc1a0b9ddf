import { TrimtabError } from "../errors.ts";
import { dequantiseScales, quantiseScales } from "../formats/double-quantisation.ts";
import { DYNAMIC_BLOCK } from "../formats/dynamic-quantisation.ts";
import { dequantiseNf4, NF4_BLOCK, type Nf4Blocks, quantiseNf4 } from "../formats/nf4.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import type { Value } from "../graph/graph.ts";
import { elementCount, f32, type Tensor, tensor } from "../tensor.ts";
import type { ModelConfig } from "./config.ts";
import { fileValues } from "./file-values.ts";
import { linearModules, parameterCount, weightName } from "./modules.ts";
import type { ModelRewrite } from "./rewrite.ts";
import { transposed, type Weights } from "./weights.ts";

/**
 * A frozen base in 4 bits: the linear weights of every block as NF4, each as several graph inputs instead of one float32
 * input. The embedding, norms, biases and head stay in float32, as in QLoRA.
 *
 * Like bitsandbytes, this quantises the flattened weight in the layout of its file, [out, in]; blocks of 64 may span rows.
 * The shapes are those that `matmulNf4` takes: 4.5 bits per weight, or 4.127 with quantised scales.
 */
export interface Quantisation {
  /** Whether the scales of the blocks are themselves quantised to 8 bits. */
  readonly doubleQuantised: boolean;
}

/** The graph inputs of a weight, in the order that `matmulNf4` expects. */
function inputsOf(weight: string, { doubleQuantised }: Quantisation): string[] {
  const scales = doubleQuantised ? ["absmax_codes", "nested_absmax", "absmax_offset"] : ["absmax"];
  return ["nf4", ...scales].map((part) => `${weight}.${part}`);
}

/** The size of such a base in bytes: linear weights in 4 bits with their scales, everything else in float32. */
export function quantisedBytes(config: ModelConfig, { doubleQuantised }: Quantisation): number {
  const numbers = linearModules(config).map((module) => module.in * module.out);
  const quantised = numbers.reduce((sum, count) => {
    const blocks = Math.ceil(count / NF4_BLOCK);
    const groups = Math.ceil(blocks / DYNAMIC_BLOCK);
    return sum + Math.ceil(count / 2) + (doubleQuantised ? groups * (DYNAMIC_BLOCK + 4) + 4 : 4 * blocks);
  }, 0);
  return quantised + 4 * (parameterCount(config) - numbers.reduce((sum, count) => sum + count, 0));
}

/** The names of the weights that `quantiseWeights` replaces. */
export function quantisedNames(config: ModelConfig): string[] {
  return linearModules(config).map(({ path }) => weightName(path));
}

/**
 * The linear weights of a model in 4 bits, by graph input. Weights in files are read once, in parts. Throws `non_finite`,
 * naming the weight, for a value that is NaN or infinite.
 */
export function quantiseWeights(
  config: ModelConfig,
  weights: Weights,
  quantisation: Quantisation,
): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  for (const name of quantisedNames(config)) {
    const blocks = quantiseWeight(name, weights);
    const values = [tensor("u8", [blocks.packed.length], blocks.packed), ...scaleTensors(blocks.absmax, quantisation)];
    inputsOf(name, quantisation).forEach((input, i) => {
      tensors.set(input, values[i]!);
    });
  }
  return tensors;
}

/** Computes xW [..., out] for the linear layers that `quantiseWeights` covers; `input` looks up a graph input by name. */
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
 * Maps a weight of the base, in the layout of `weightSpecs`, to its float32 values after 4-bit quantisation. An adapter
 * trained on the quantised base must be merged into these values, or it computes something else. Weights that are not
 * quantised are returned as the same object.
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

/** The number of values quantised at a time: even, and a multiple of the block size. */
const PART = 1 << 18;

/** Quantises a weight in a file part by part; transposes a weight in memory back to the layout of its file. */
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

/** The scales as `matmulNf4` expects them: codes are padded to whole groups of 256. */
function scaleTensors(absmax: Float32Array, { doubleQuantised }: Quantisation): Tensor[] {
  if (!doubleQuantised) return [f32([absmax.length], absmax)];
  const scales = quantiseScales(absmax);
  const groups = scales.absmax.length;
  const codes = new Uint8Array(groups * DYNAMIC_BLOCK);
  codes.set(scales.codes);
  return [tensor("u8", [groups, DYNAMIC_BLOCK], codes), f32([groups, 1], scales.absmax), f32([], [scales.offset])];
}
