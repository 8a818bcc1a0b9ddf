import { TrimtabError } from "../errors.ts";
import { type FileTensor, parseSafetensors, type SafetensorsTensor } from "../formats/safetensors.ts";
import { elementCount, f32, type Tensor } from "../tensor.ts";
import type { ModelConfig } from "./config.ts";
import { fileValues } from "./file-values.ts";
import { EMBEDDING, HEAD, type WeightSpec, weightSpecs } from "./modules.ts";
import { resolveTie, tiedNames } from "./tied-head.ts";

/** Weights by name, in the layout of `weightSpecs`. */
export interface Weights extends ReadonlyMap<string, Tensor<"f32">> {
  /** The tensor as stored in its file; only defined for weights in files. */
  fileTensor?(name: string): FileTensor;
}

/** The number of values widened at a time. */
const PART = 1 << 18;

/** [rows, columns] → [columns, rows], copied. */
export function transposed({ shape, data }: Tensor<"f32">): Tensor<"f32"> {
  const [rows, columns] = shape as readonly [number, number];
  const result = new Float32Array(data.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) result[column * rows + row] = data[row * columns + column]!;
  }
  return f32([columns, rows], result);
}

/** Converts a tensor of a file to a weight of the graph: widens it to float32 and transposes it if the file has [out, in]. */
export function weightFromFile(spec: WeightSpec, tensor: SafetensorsTensor): Tensor<"f32"> {
  checkTensor(spec, tensor);
  const [rows, columns] = [tensor.shape[0]!, elementCount(tensor.shape.slice(1))];
  const data = new Float32Array(rows * columns);
  // A few rows at a time, so that a tensor is never in memory in 16 and 32 bits at once.
  const step = Math.max(1, Math.floor(PART / columns));
  for (let row = 0; row < rows; row += step) {
    const end = Math.min(rows, row + step);
    const values = fileValues(tensor, row * columns, end * columns);
    if (!spec.transposed) data.set(values, row * columns);
    else scatterColumns(data, values, { row, columns, rows });
  }
  return f32(spec.shape, data);
}

/** Writes rows of a [rows, columns] matrix, from `row` on, to its transpose. */
function scatterColumns(
  transpose: Float32Array,
  values: Float32Array,
  { row, columns, rows }: { row: number; columns: number; rows: number },
): void {
  const count = values.length / columns;
  for (let column = 0; column < columns; column++) {
    for (let i = 0; i < count; i++) transpose[column * rows + row + i] = values[i * columns + column]!;
  }
}

function checkTensor(spec: WeightSpec, { dtype, shape }: SafetensorsTensor): void {
  const expected = spec.transposed ? spec.shape.toReversed() : spec.shape;
  if (shape.join() !== expected.join()) {
    throw new TrimtabError(
      "invalid_model",
      `${spec.name} has shape [${shape.join(", ")}] in the weight file, but config.json requires [${expected.join(", ")}]`,
    );
  }
  if (dtype !== "F32" && dtype !== "F16" && dtype !== "BF16") {
    throw new TrimtabError(
      "invalid_model",
      `${spec.name}: a ${dtype} tensor cannot be read as float32; use F32, F16 or BF16`,
    );
  }
}

/**
 * Converts the tensors of a model's files to its weights. Throws `invalid_model`, naming the tensor, when one is missing,
 * unknown or of the wrong shape. A redundant head in a tied model and old rotary buffers are ignored.
 */
export function loadWeights(config: ModelConfig, tensors: ReadonlyMap<string, SafetensorsTensor>): Weights {
  const named = tiedNames(config, tensors);
  const specs = checkedSpecs(config, named);
  return new Map(specs.map((spec) => [spec.name, weightFromFile(spec, named.get(spec.name)!)]));
}

/** Like `loadWeights`, but reads each weight on access. Names, shapes and dtypes are checked right away. */
export function openWeights(config: ModelConfig, tensors: ReadonlyMap<string, FileTensor>): Weights {
  const named = tiedNames(config, tensors);
  return new FileWeights(checkedSpecs(config, named), named);
}

function checkedSpecs(config: ModelConfig, tensors: ReadonlyMap<string, SafetensorsTensor>): WeightSpec[] {
  const specs = weightSpecs(config);
  const known = new Set(specs.map(({ name }) => name));
  for (const name of tensors.keys()) {
    const harmless = name.endsWith(".rotary_emb.inv_freq") || (config.tied && name === HEAD);
    if (!known.has(name) && !harmless) {
      throw new TrimtabError(
        "invalid_model",
        `the weight files contain ${name}, which this kind of model does not have`,
      );
    }
  }
  for (const spec of specs) {
    const tensor = tensors.get(spec.name);
    if (tensor === undefined) {
      const hint = spec.name === HEAD ? `; set tie_word_embeddings if the head is ${EMBEDDING}` : "";
      throw new TrimtabError("invalid_model", `the weight files lack ${spec.name}${hint}`);
    }
    checkTensor(spec, tensor);
  }
  return specs;
}

/** Weights in files. A weight that is still in use is not read again. */
class FileWeights implements Weights {
  readonly #specs: ReadonlyMap<string, WeightSpec>;
  readonly #tensors: ReadonlyMap<string, FileTensor>;
  readonly #inUse = new Map<string, WeakRef<Tensor<"f32">>>();

  constructor(specs: readonly WeightSpec[], tensors: ReadonlyMap<string, FileTensor>) {
    this.#specs = new Map(specs.map((spec) => [spec.name, spec]));
    this.#tensors = tensors;
  }

  get size(): number {
    return this.#specs.size;
  }

  has(name: string): boolean {
    return this.#specs.has(name);
  }

  get(name: string): Tensor<"f32"> | undefined {
    const spec = this.#specs.get(name);
    if (spec === undefined) return undefined;
    const known = this.#inUse.get(name)?.deref();
    if (known !== undefined) return known;
    const weight = weightFromFile(spec, this.fileTensor(name));
    this.#inUse.set(name, new WeakRef(weight));
    return weight;
  }

  fileTensor(name: string): FileTensor {
    return this.#tensors.get(name)!;
  }

  keys(): MapIterator<string> {
    return this.#specs.keys();
  }

  *values(): MapIterator<Tensor<"f32">> {
    for (const name of this.keys()) yield this.get(name)!;
  }

  *entries(): MapIterator<[string, Tensor<"f32">]> {
    for (const name of this.keys()) yield [name, this.get(name)!];
  }

  [Symbol.iterator](): MapIterator<[string, Tensor<"f32">]> {
    return this.entries();
  }

  forEach(callback: (value: Tensor<"f32">, key: string, map: ReadonlyMap<string, Tensor<"f32">>) => void): void {
    for (const [name, weight] of this) callback(weight, name, this);
  }
}

/** The files of a model's folder, wherever it is stored. */
export interface ModelFiles {
  readonly names: readonly string[];
  readonly bytes: (name: string) => Promise<Uint8Array>;
}

/**
 * The weights of a Hugging Face folder, in one file or in shards. Throws `invalid_model` as `loadWeights` does, and for a
 * file that is damaged, contains a value that is not finite, or repeats a tensor of another shard.
 */
export async function readWeights(config: ModelConfig, files: ModelFiles): Promise<Weights> {
  return loadWeights(config, await readTensors(files));
}

/** Like `readWeights`, but first resolves from the weights whether the model is tied. Returns its configuration too. */
export async function readModel(
  stated: ModelConfig,
  files: ModelFiles,
): Promise<{ readonly config: ModelConfig; readonly weights: Weights }> {
  const tensors = await readTensors(files);
  const config = resolveTie(stated, tensors);
  return { config, weights: loadWeights(config, tensors) };
}

async function readTensors(files: ModelFiles): Promise<Map<string, SafetensorsTensor>> {
  const tensors = new Map<string, SafetensorsTensor>();
  for (const name of files.names.filter((file) => file.endsWith(".safetensors")).sort()) {
    for (const [tensorName, tensor] of parseSafetensors(await files.bytes(name), { finite: true, name }).tensors) {
      if (tensors.has(tensorName))
        throw new TrimtabError("invalid_model", `${name} contains ${tensorName}, which is also in another shard`);
      tensors.set(tensorName, tensor);
    }
  }
  return tensors;
}

/** The inverse of `weightFromFile`; the result is float32. */
export function weightForFile(spec: WeightSpec, weight: Tensor<"f32">): Tensor<"f32"> {
  return spec.transposed ? transposed(weight) : weight;
}

/** Converts weights to their layout in files: the inverse of `loadWeights`, in float32. */
export function weightsForFile(config: ModelConfig, weights: Weights): Map<string, Tensor<"f32">> {
  return new Map(weightSpecs(config).map((spec) => [spec.name, weightForFile(spec, weights.get(spec.name)!)]));
}
