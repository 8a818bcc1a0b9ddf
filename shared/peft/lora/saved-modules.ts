/**
 * Weights that were trained whole beside the factors. peft's `modules_to_save` replaces modules, and
 * `trainable_token_indices` replaces rows of the embedding; the folder has the new values. Their differences from the base
 * are served as factors: one per changed row if that is fewest, or with an identity as the other factor.
 */
import { type CanonicalDelta, type CanonicalModule, NO_DELTA } from "../../delta/canonical.ts";
import { sumDeltas } from "../../delta/sum.ts";
import { TrimtabError } from "../../errors.ts";
import {
  biasName,
  checkpointPath,
  EMBEDDING,
  EMBEDDING_PATH,
  HEAD_PATH,
  type LinearModule,
  weightName,
  weightSpecs,
} from "../../model/modules.ts";
import { transposed } from "../../model/weights.ts";
import { f32, type Tensor, zeros } from "../../tensor.ts";
import { ADAPTER_CONFIG } from "../adapter-folder.ts";
import type { AdapterTensors } from "../adapter-tensors.ts";
import type { BaseAccess } from "../method.ts";
import type { Factors } from "./start.ts";
import { nameable } from "./targets.ts";

/** What a configuration says about weights trained whole. */
export interface SavedSettings {
  /** Ends of the names of replaced modules. */
  readonly modules: readonly string[];
  /** By module name: the replaced rows. */
  readonly tokens: ReadonlyMap<string, readonly number[]>;
  /** peft replaces embedding and head of a tied model together. */
  readonly tying: boolean;
}

export interface SavedPart {
  readonly delta: CanonicalDelta;
  /** How many numbers were trained. */
  readonly parameters: number;
}

export interface SavedOptions {
  readonly saved: SavedSettings;
  /** Whether the layer at a path has factors. */
  readonly targets: (path: string) => boolean;
  readonly base: BaseAccess;
}

/** Collects the replaced weights. Throws `invalid_delta`, naming the module, for weights that no delta can hold. */
export async function takeSaved(tensors: AdapterTensors, options: SavedOptions): Promise<SavedPart> {
  const parts = [...(await takeModules(tensors, options)), ...(await takeTokens(tensors, options))];
  const deltas = parts.map(({ delta }) => ({ delta, weight: 1 }));
  const parameters = parts.reduce((sum, part) => sum + part.parameters, 0);
  return { delta: deltas.length === 0 ? NO_DELTA : sumDeltas(deltas), parameters };
}

/** Combines an adapter's delta with that of the fully trained weights. */
export function withSaved(delta: CanonicalDelta, saved: SavedPart): CanonicalDelta {
  return saved.parameters === 0 ? delta : sumDeltas([delta, saved.delta].map((part) => ({ delta: part, weight: 1 })));
}

async function takeModules(tensors: AdapterTensors, options: SavedOptions): Promise<SavedPart[]> {
  const { saved, base, targets } = options;
  const isSaved = savedTest(saved, base.config.tied);
  const parts: SavedPart[] = [];
  let found = false;
  for (const module of nameable(base.config)) {
    const { path } = module;
    const key = savedKey(weightName(path));
    if (!isSaved(checkpointPath(path)) || !tensors.has(key)) continue;
    found = true;
    if (targets(path)) {
      throw refuse(
        `modules_to_save in ${ADAPTER_CONFIG} names ${path}, which target_modules names too; keep one of them`,
      );
    }
    parts.push(await takeModule(tensors, module, base));
  }
  await requireOwnNorms(tensors, isSaved, base);
  if (saved.modules.length > 0 && !found && tensors.keys().every((key) => !isSaved(moduleOf(key)))) {
    throw refuse(
      `modules_to_save in ${ADAPTER_CONFIG} names ${saved.modules.join(", ")}, but the folder has no tensors of it`,
    );
  }
  return parts;
}

async function takeModule(tensors: AdapterTensors, module: LinearModule, base: BaseAccess): Promise<SavedPart> {
  const { path, out, bias } = module;
  const isTable = path === EMBEDDING_PATH || path === HEAD_PATH;
  const own = await base.weight(path === HEAD_PATH && base.config.tied ? EMBEDDING : weightName(path));
  const inFile = isTable ? own : transposed(own);
  const value = takeMatrix(tensors, savedKey(weightName(path)), inFile.shape as readonly [number, number]);
  const change = minus(value, inFile);
  const delta = path === EMBEDDING_PATH ? embeddingChange(change) : linearChange(path, change);
  if (!bias) return { delta, parameters: value.data.length };
  const biasValue = tensors.take(savedKey(biasName(path)), [out]);
  const linears = new Map([
    [path, { ...delta.linears.get(path), bias: minus(biasValue, await base.weight(biasName(path))) }],
  ]);
  return { delta: { ...delta, linears }, parameters: value.data.length + out };
}

async function takeTokens(tensors: AdapterTensors, { saved, base }: SavedOptions): Promise<SavedPart[]> {
  const { vocabSize, hiddenSize, tied } = base.config;
  const parts: SavedPart[] = [];
  for (const [name, rows] of saved.tokens) {
    const path = [EMBEDDING_PATH, HEAD_PATH].find(
      (known) => name === known || checkpointPath(known).endsWith(`.${name}`) || checkpointPath(known) === name,
    );
    const at = `trainable_token_indices in ${ADAPTER_CONFIG}`;
    if (path === undefined) throw refuse(`${at} names ${name}; only embed_tokens and lm_head have rows for tokens`);
    const beyond = rows.find((row) => row >= vocabSize);
    if (beyond !== undefined) throw refuse(`${at} has the token ${beyond}, but the base model has ${vocabSize} tokens`);
    if (new Set(rows).size < rows.length) throw refuse(`${at} names a token twice`);
    const key = savedKey(`${checkpointPath(path)}.token_adapter.trainable_tokens_delta`);
    const values = tensors.take(key, [rows.length, hiddenSize]);
    const table = await base.weight(path === HEAD_PATH && !tied ? weightName(HEAD_PATH) : EMBEDDING);
    const change = zeros([vocabSize, hiddenSize]);
    for (const [at, row] of rows.entries()) {
      for (let column = 0; column < hiddenSize; column++) {
        const place = row * hiddenSize + column;
        change.data[place] = values.data[at * hiddenSize + column]! - table.data[place]!;
      }
    }
    const ofHead = linearChange(HEAD_PATH, change);
    // The rows of a tied model are those of its head too.
    const deltas = path === HEAD_PATH ? [ofHead] : [embeddingChange(change), ...(tied ? [ofHead] : [])];
    parts.push(...deltas.map((delta, index) => ({ delta, parameters: index === 0 ? values.data.length : 0 })));
  }
  return parts;
}

/** Accepts a matrix of the base's shape. The error says what an extended vocabulary needs. */
function takeMatrix(tensors: AdapterTensors, key: string, shape: readonly [number, number]): Tensor<"f32"> {
  requireSameRows(tensors, key, shape);
  return tensors.take(key, shape);
}

/** Throws `invalid_delta` for a table with more or fewer tokens than the base's. */
export function requireSameRows(
  tensors: AdapterTensors,
  key: string,
  [rows, columns]: readonly [number, number],
): void {
  const found = tensors.shapeOf(key);
  if (found?.length !== 2 || found[1] !== columns || found[0] === rows) return;
  throw refuse(
    `the tensor ${key} has ${found[0]} rows, but the base model has ${rows}: tokens were added or removed, and a delta cannot ` +
      "change the vocabulary. Train without resizing the embedding, or upload the merged model as a base",
  );
}

/** Norms are no sums, so only copies of the base's are accepted. Takes them. */
async function requireOwnNorms(
  tensors: AdapterTensors,
  isSaved: (module: string) => boolean,
  base: BaseAccess,
): Promise<void> {
  const norms = weightSpecs(base.config).filter(
    ({ name, shape }) => shape.length === 1 && name.endsWith("norm.weight"),
  );
  for (const { name, shape } of norms) {
    const module = name.replace(/\.weight$/, "");
    if (!isSaved(module) || !tensors.has(savedKey(name))) continue;
    const value = tensors.take(savedKey(name), shape as number[]);
    const own = await base.weight(name);
    if (value.data.every((element, at) => element === own.data[at])) continue;
    throw refuse(
      `modules_to_save in ${ADAPTER_CONFIG} includes ${module}: a delta adds to linear layers and embeddings, and cannot change a norm. ` +
        "Train without it, or upload the merged model as a base",
    );
  }
}

function savedTest({ modules, tying }: SavedSettings, tied: boolean): (module: string) => boolean {
  const names = (module: string) => {
    const parts = module.split(".");
    const ancestors = parts.map((_, index) => parts.slice(0, index + 1).join("."));
    return ancestors.some((ancestor) => modules.some((name) => ancestor.endsWith(name)));
  };
  const both = [EMBEDDING_PATH, HEAD_PATH].map(checkpointPath);
  const isTied = tying && tied && both.some(names);
  return (module) => names(module) || (isTied && both.includes(module));
}

function embeddingChange(change: Tensor<"f32">): CanonicalDelta {
  const { rows, values } = changedRows(change);
  if (rows.length === 0) return NO_DELTA;
  const [vocabulary, width] = change.shape as readonly [number, number];
  const embedding =
    rows.length < width ? { a: transposed(oneHot(rows, vocabulary)), b: values } : { a: change, b: identity(width) };
  return { ...NO_DELTA, embedding };
}

/** The change of a linear layer's weight, [out, in] as in files. */
function linearChange(path: string, change: Tensor<"f32">): CanonicalDelta {
  const { rows, values } = changedRows(change);
  if (rows.length === 0) return NO_DELTA;
  const [out, width] = change.shape as readonly [number, number];
  let factors: Factors;
  if (rows.length < Math.min(out, width)) factors = { a: transposed(values), b: oneHot(rows, out) };
  else if (width <= out) factors = { a: identity(width), b: transposed(change) };
  else factors = { a: transposed(change), b: identity(out) };
  return { ...NO_DELTA, linears: new Map<string, CanonicalModule>([[path, factors]]) };
}

/** The rows that are not all 0, and their values [n, columns]. */
function changedRows({ shape, data }: Tensor<"f32">): { rows: number[]; values: Tensor<"f32"> } {
  const [count, columns] = shape as readonly [number, number];
  const rowAt = (row: number) => data.subarray(row * columns, (row + 1) * columns);
  const rows = Array.from({ length: count }, (_, row) => row).filter((row) => rowAt(row).some((value) => value !== 0));
  const values = new Float32Array(rows.length * columns);
  for (const [at, row] of rows.entries()) values.set(rowAt(row), at * columns);
  return { rows, values: f32([rows.length, columns], values) };
}

/** [n, columns] with a 1 in each row. */
function oneHot(places: readonly number[], columns: number): Tensor<"f32"> {
  const matrix = zeros([places.length, columns]);
  for (const [row, place] of places.entries()) matrix.data[row * columns + place] = 1;
  return matrix;
}

const identity = (size: number) =>
  oneHot(
    Array.from({ length: size }, (_, at) => at),
    size,
  );

const minus = (value: Tensor<"f32">, from: Tensor<"f32">) =>
  f32(
    value.shape,
    value.data.map((element, at) => element - from.data[at]!),
  );

const savedKey = (name: string) => `base_model.model.${name}`;
const moduleOf = (key: string) => key.replace(/^base_model\.model\./, "").replace(/\.(weight|bias)$/, "");

function refuse(problem: string): TrimtabError {
  return new TrimtabError("invalid_delta", problem);
}
