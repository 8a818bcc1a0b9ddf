import { messageOf, TrimtabError } from "../errors.ts";
import { parseSafetensors, type SafetensorsTensor, toF32 } from "../formats/safetensors.ts";
import { f32, type Tensor } from "../tensor.ts";
import type { ModelConfig } from "./config.ts";
import { EMBEDDING, HEAD, type WeightSpec, weightSpecs } from "./modules.ts";

export type Weights = ReadonlyMap<string, Tensor<"f32">>;

/** [rows, columns] → [columns, rows], a copy. */
export function transposed({ shape, data }: Tensor<"f32">): Tensor<"f32"> {
  const [rows, columns] = shape as readonly [number, number];
  const result = new Float32Array(data.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) result[column * rows + row] = data[row * columns + column]!;
  }
  return f32([columns, rows], result);
}

/** One weight of the graph from its tensor in a file: widened to float32 and, where the file holds [out, in], transposed. */
export function weightFromFile(spec: WeightSpec, tensor: SafetensorsTensor): Tensor<"f32"> {
  const expected = spec.transposed ? spec.shape.toReversed() : spec.shape;
  if (tensor.shape.join() !== expected.join()) {
    throw new TrimtabError(
      "invalid_model",
      `${spec.name} is [${tensor.shape.join(", ")}] in the weight file, but config.json makes it [${expected.join(", ")}]`,
    );
  }
  const data = widened(spec.name, tensor);
  return spec.transposed ? transposed(f32(expected, data)) : f32(expected, data);
}

function widened(name: string, tensor: SafetensorsTensor): Float32Array {
  try {
    return toF32(tensor);
  } catch (cause) {
    throw new TrimtabError("invalid_model", `${name}: ${messageOf(cause)}`, { cause });
  }
}

/**
 * The model's weights from the tensors of its files. Throws `invalid_model`, naming the tensor, where one is missing,
 * unknown or of another shape. A tied model may carry its head a second time, and any model the old rotary buffers.
 */
export function loadWeights(config: ModelConfig, tensors: ReadonlyMap<string, SafetensorsTensor>): Weights {
  const specs = weightSpecs(config);
  const known = new Set(specs.map(({ name }) => name));
  for (const name of tensors.keys()) {
    const harmless = name.endsWith(".rotary_emb.inv_freq") || (config.tied && name === HEAD);
    if (!known.has(name) && !harmless) {
      throw new TrimtabError("invalid_model", `the weight file holds ${name}, which this kind of model does not have`);
    }
  }
  return new Map(
    specs.map((spec) => {
      const tensor = tensors.get(spec.name);
      if (tensor === undefined) {
        const hint = spec.name === HEAD ? `; set tie_word_embeddings if the head is ${EMBEDDING}` : "";
        throw new TrimtabError("invalid_model", `the weight files lack ${spec.name}${hint}`);
      }
      return [spec.name, weightFromFile(spec, tensor)];
    }),
  );
}

/** The files of a model's folder, wherever they lie. */
export interface ModelFiles {
  readonly names: readonly string[];
  readonly bytes: (name: string) => Promise<Uint8Array>;
}

/**
 * The weights of a Hugging Face folder, in one file or in shards. Throws `invalid_model` as `loadWeights` does, and for a
 * file that is damaged, holds a value that is not finite, or repeats another shard's tensor.
 */
export async function readWeights(config: ModelConfig, files: ModelFiles): Promise<Weights> {
  const tensors = new Map<string, SafetensorsTensor>();
  for (const name of files.names.filter((file) => file.endsWith(".safetensors")).sort()) {
    for (const [tensorName, tensor] of parseSafetensors(await files.bytes(name), { finite: true, name }).tensors) {
      if (tensors.has(tensorName))
        throw new TrimtabError("invalid_model", `${name} repeats ${tensorName} of another shard`);
      tensors.set(tensorName, tensor);
    }
  }
  return loadWeights(config, tensors);
}

/** The inverse of `weightFromFile`, in float32. */
export function weightForFile(spec: WeightSpec, weight: Tensor<"f32">): Tensor<"f32"> {
  return spec.transposed ? transposed(weight) : weight;
}

/** The file layout of the weights: the inverse of `loadWeights`, in float32. */
export function weightsForFile(config: ModelConfig, weights: Weights): Map<string, Tensor<"f32">> {
  return new Map(weightSpecs(config).map((spec) => [spec.name, weightForFile(spec, weights.get(spec.name)!)]));
}
