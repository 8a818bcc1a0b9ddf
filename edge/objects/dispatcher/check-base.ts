/** Decides, before any tenant sees it, whether an uploaded folder is a model that can be trained and served here. */
import { z } from "zod";
import type { StoredFile } from "../../../shared/api/artefacts.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { CORPUS_BYTES, CORPUS_FILE, parseCorpus } from "../../../shared/evaluation/corpus.ts";
import { PROBES_BYTES, PROBES_FILE, parseProbes } from "../../../shared/evaluation/probes.ts";
import {
  parseSafetensorsHeader,
  requireFinite,
  type SafetensorsEntry,
  safetensorsHeaderLength,
  toF32,
} from "../../../shared/formats/safetensors.ts";
import { LENGTH_BYTES, SAFETENSORS_DTYPES } from "../../../shared/formats/safetensors-header.ts";
import { parseStrictJson, quoteName } from "../../../shared/formats/strict-json.ts";
import { checkSmallFiles } from "../../../shared/model/check-small-files.ts";
import type { ModelConfig } from "../../../shared/model/config.ts";
import { EMBEDDING, HEAD, weightSpecs } from "../../../shared/model/modules.ts";
import { collected, throwProblems } from "../../../shared/model/problems.ts";
import { tiedNames, valuesDiffer } from "../../../shared/model/tied-head.ts";
import { elementCount } from "../../../shared/tensor.ts";
import { planMemory } from "../../runtime/memory-plan.ts";

/** Bytes of a JSON file of a model; the largest tokenizers in use have 20 MB. */
const MAX_JSON_BYTES = 32 * 1024 * 1024;
/** Bytes of a tensor checked at a time. */
const SCAN_BYTES = 4 * 1024 * 1024;
/** Values of two tensors compared at a time. */
const SCAN_VALUES = 1024 * 1024;

const INDEX = "model.safetensors.index.json";
const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

export interface FolderReader {
  read(name: string, range?: { offset: number; length: number }): Promise<Uint8Array>;
}

export interface UploadedBase {
  readonly files: readonly StoredFile[];
  readonly folder: FolderReader;
  /** The memory that the isolate has for serving the model. */
  readonly heapLimitBytes: number;
}

export interface SmallParts {
  readonly json: Record<string, unknown>;
  readonly config: ModelConfig;
  readonly notes: readonly string[];
}

/**
 * Checks all files but the weights, and the memory it takes to serve the model. Returns the parsed config.json, its model, and
 * what the model cannot do here.
 *
 * @throws TrimtabError invalid_model with everything that has to change.
 */
export async function checkSmall(base: UploadedBase): Promise<SmallParts> {
  const { problems, json, config, notes } = await checkSmallFiles({
    has: (name) => base.files.some((file) => file.name === name),
    bytes: (name) => readSmall(base, name),
  });
  if (config !== undefined) {
    await collected(problems, "", () => checkMemory(config, base.heapLimitBytes));
  }
  for (const file of OPTIONAL_FILES) await collected(problems, file.name, () => checkOptional(base, file));
  throwProblems(problems);
  return { json: json as Record<string, unknown>, config: config!, notes };
}

/**
 * Checks what `checkSmall` does, and every weight file: an honest header, exactly the tensors that the configuration
 * asks for, finite values. Returns the parsed config.json, with `tie_word_embeddings` false if the head differs from
 * the embedding, and what the model cannot do here.
 *
 * @throws TrimtabError invalid_model with what to change.
 */
export async function checkBase(base: UploadedBase): Promise<Pick<SmallParts, "json" | "notes">> {
  const { json, config: stated, notes } = await checkSmall(base);
  const placed = await checkHeaders(base);
  if (base.files.some(({ name }) => name === INDEX)) {
    checkIndex(parseStrictJson(utf8(await readSmall(base, INDEX)), INDEX, "invalid_model"), placed);
  }
  const tensors = tiedNames(stated, placed);
  checkTensors(stated, tensors);
  await checkValues(base, tensors);
  if (!(await headDiffers(base, stated, tensors))) return { json, notes };
  checkMemory({ ...stated, tied: false }, base.heapLimitBytes);
  return { json: { ...json, tie_word_embeddings: false }, notes };
}

interface OptionalFile {
  readonly name: string;
  readonly mostBytes: number;
  /** Throws `invalid_model`. */
  readonly parse: (bytes: Uint8Array) => unknown;
}

/** A base may bring what the reports of its jobs ask it, and texts from which edits take statistics. */
const OPTIONAL_FILES: readonly OptionalFile[] = [
  { name: PROBES_FILE, mostBytes: PROBES_BYTES, parse: parseProbes },
  { name: CORPUS_FILE, mostBytes: CORPUS_BYTES, parse: parseCorpus },
];

async function checkOptional({ files, folder }: UploadedBase, { name, mostBytes, parse }: OptionalFile): Promise<void> {
  const file = files.find((one) => one.name === name);
  if (file === undefined) return;
  if (file.bytes > mostBytes) {
    throw new TrimtabError("invalid_model", `${name} has ${file.bytes} bytes; at most ${mostBytes} are read.`);
  }
  parse(await folder.read(name));
}

interface PlacedTensor {
  readonly file: string;
  readonly entry: SafetensorsEntry;
}

function checkMemory(config: ModelConfig, heapLimitBytes: number): void {
  try {
    planMemory(config, heapLimitBytes);
  } catch (error) {
    if (!(error instanceof TrimtabError)) throw error;
    throw new TrimtabError("invalid_model", error.message, { cause: error, data: error.data });
  }
}

/** Whether the files of a model that config.json calls tied hold a separate head. */
async function headDiffers(
  base: UploadedBase,
  config: ModelConfig,
  tensors: ReadonlyMap<string, PlacedTensor>,
): Promise<boolean> {
  const [embedding, head] = [tensors.get(EMBEDDING), tensors.get(HEAD)];
  if (!config.tied || embedding === undefined || head === undefined) return false;
  const count = elementCount(head.entry.shape);
  for (let start = 0; start < count; start += SCAN_VALUES) {
    const end = Math.min(count, start + SCAN_VALUES);
    const [one, other] = await Promise.all([embedding, head].map((tensor) => valuesOf(base, tensor, start, end)));
    if (valuesDiffer(one!, other!)) return true;
  }
  return false;
}

async function valuesOf(
  base: UploadedBase,
  { file, entry }: PlacedTensor,
  start: number,
  end: number,
): Promise<Float32Array> {
  const width = SAFETENSORS_DTYPES[entry.dtype];
  const range = { offset: entry.start + start * width, length: (end - start) * width };
  return toF32({ dtype: entry.dtype, shape: [end - start], bytes: await base.folder.read(file, range) });
}

/** Reads only the header of each weight file. */
async function checkHeaders(base: UploadedBase): Promise<Map<string, PlacedTensor>> {
  const tensors = new Map<string, PlacedTensor>();
  for (const { name, bytes } of base.files.filter((file) => file.name.endsWith(".safetensors"))) {
    const options = { name };
    const start = await base.folder.read(name, { offset: 0, length: Math.min(LENGTH_BYTES, bytes) });
    const length = safetensorsHeaderLength(start, bytes, options);
    const header = await base.folder.read(name, { offset: 0, length: LENGTH_BYTES + length });
    for (const [tensor, entry] of parseSafetensorsHeader(header, bytes, options).tensors) {
      const other = tensors.get(tensor);
      if (other !== undefined) {
        throw new TrimtabError(
          "invalid_model",
          `The tensor ${quoteName(tensor)} is in ${other.file} and in ${name}; keep one.`,
        );
      }
      tensors.set(tensor, { file: name, entry });
    }
  }
  return tensors;
}

/** The index must agree with the tensors that the shards hold. */
function checkIndex(json: unknown, tensors: ReadonlyMap<string, PlacedTensor>): void {
  const parsed = indexSchema.safeParse(json);
  if (!parsed.success) {
    throw new TrimtabError("invalid_model", `${INDEX} has no weight_map of tensors to shard files.`);
  }
  const listed = parsed.data.weight_map;
  for (const name of new Set([...Object.keys(listed), ...tensors.keys()])) {
    const held = tensors.get(name)?.file;
    if (held !== listed[name]) {
      throw new TrimtabError(
        "invalid_model",
        `${quoteName(name)} is in ${held ?? "no shard"}, but ${INDEX} places it in ${listed[name] ?? "none"}.`,
      );
    }
  }
}

function checkTensors(config: ModelConfig, tensors: ReadonlyMap<string, PlacedTensor>): void {
  const specs = new Map(weightSpecs(config).map((spec) => [spec.name, spec]));
  const needed = [...specs.keys()];
  // A tied model's files may hold its head too.
  specs.set(HEAD, { name: HEAD, shape: [config.vocabSize, config.hiddenSize], transposed: false });
  for (const [name, { entry, file }] of tensors) {
    const spec = specs.get(name);
    if (spec === undefined) {
      if (name.endsWith(".rotary_emb.inv_freq")) continue;
      throw new TrimtabError(
        "invalid_model",
        `${file} holds ${quoteName(name)}, which this kind of model does not have.`,
      );
    }
    if (entry.dtype !== "F32" && entry.dtype !== "F16" && entry.dtype !== "BF16") {
      throw new TrimtabError(
        "invalid_model",
        `${name} in ${file} is ${entry.dtype}; give weights as F32, F16 or BF16.`,
      );
    }
    const shape = spec.transposed ? spec.shape.toReversed() : spec.shape;
    if (entry.shape.join() !== shape.join()) {
      throw new TrimtabError(
        "invalid_model",
        `${name} is [${entry.shape.join(", ")}] in ${file}, but config.json makes it [${shape.join(", ")}].`,
      );
    }
  }
  const missing = needed.find((name) => !tensors.has(name));
  if (missing === undefined) return;
  const hint = missing === HEAD ? " Set tie_word_embeddings if the embedding is also the head." : "";
  throw new TrimtabError("invalid_model", `The weight files lack ${missing}.${hint}`);
}

async function checkValues(base: UploadedBase, tensors: ReadonlyMap<string, PlacedTensor>): Promise<void> {
  for (const [name, { file, entry }] of tensors) {
    for (let offset = entry.start; offset < entry.end; offset += SCAN_BYTES) {
      const length = Math.min(SCAN_BYTES, entry.end - offset);
      const bytes = await base.folder.read(file, { offset, length });
      requireFinite(name, { dtype: entry.dtype, shape: entry.shape, bytes }, { name: file });
    }
  }
}

/** A file that is read into memory whole. */
async function readSmall(base: UploadedBase, name: string): Promise<Uint8Array> {
  const bytes = base.files.find((file) => file.name === name)?.bytes ?? 0;
  if (bytes > MAX_JSON_BYTES) {
    throw new TrimtabError("invalid_model", `${name} has ${bytes} bytes; at most ${MAX_JSON_BYTES} are read.`);
  }
  return base.folder.read(name);
}

function utf8(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
