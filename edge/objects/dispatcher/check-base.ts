/** Decides whether an uploaded folder is a model that can be trained and served here, before anybody sees it. */
import { z } from "zod";
import type { StoredFile } from "../../../shared/api/artefacts.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import {
  parseSafetensorsHeader,
  requireFinite,
  type SafetensorsEntry,
  safetensorsHeaderLength,
} from "../../../shared/formats/safetensors.ts";
import { LENGTH_BYTES } from "../../../shared/formats/safetensors-header.ts";
import { parseStrictJson, quoteName } from "../../../shared/formats/strict-json.ts";
import { type ModelConfig, parseModelConfig } from "../../../shared/model/config.ts";
import { HEAD, weightSpecs } from "../../../shared/model/modules.ts";
import { checkChatTemplate } from "../../../shared/model/template-check.ts";
import { loadTokenizer } from "../../../shared/model/tokenizer.ts";
import { planMemory } from "../../runtime/memory-plan.ts";

/** Bytes of a JSON file of a model; the largest tokenizers in use have 20 MB. */
const MAX_JSON_BYTES = 32 * 1024 * 1024;
/** Bytes of a tensor that are looked at together. */
const SCAN_BYTES = 4 * 1024 * 1024;

const INDEX = "model.safetensors.index.json";
const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

export interface FolderReader {
  read(name: string, range?: { offset: number; length: number }): Promise<Uint8Array>;
}

export interface UploadedBase {
  readonly files: readonly StoredFile[];
  readonly folder: FolderReader;
  /** What the isolate may hold when it serves the model. */
  readonly heapLimitBytes: number;
}

/**
 * Checks the configuration, the tokenizer, the memory it takes to serve, and every weight file: an honest header, exactly the
 * tensors that the configuration asks for, finite values. Returns the parsed config.json.
 *
 * @throws TrimtabError invalid_model with what to change.
 */
export async function checkBase(base: UploadedBase): Promise<unknown> {
  const json = await readJson(base, "config.json");
  const config = parseModelConfig(json);
  checkMemory(config, base.heapLimitBytes);
  await checkTokenizer(base);
  const tensors = await checkHeaders(base);
  if (base.files.some(({ name }) => name === INDEX)) checkIndex(await readJson(base, INDEX), tensors);
  checkTensors(config, tensors);
  await checkValues(base, tensors);
  return json;
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

async function checkTokenizer(base: UploadedBase): Promise<void> {
  const template = base.files.some(({ name }) => name === "chat_template.jinja")
    ? new TextDecoder().decode(await base.folder.read("chat_template.jinja"))
    : undefined;
  const file = await readJson(base, "tokenizer.json");
  checkChatTemplate(loadTokenizer(file, await readJson(base, "tokenizer_config.json"), template));
}

/** Reads the header of each weight file, and nothing behind it. */
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

/** The list of tensors beside the shards has to agree with what they hold. */
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
  for (const [name, { entry, file }] of tensors) {
    const spec = specs.get(name);
    if (spec === undefined) {
      if (name.endsWith(".rotary_emb.inv_freq") || (config.tied && name === HEAD)) continue;
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
  const missing = [...specs.keys()].find((name) => !tensors.has(name));
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

async function readJson(base: UploadedBase, name: string): Promise<unknown> {
  const file = base.files.find((candidate) => candidate.name === name);
  if (file === undefined) throw new TrimtabError("invalid_model", `The model lacks ${name}.`);
  if (file.bytes > MAX_JSON_BYTES) {
    throw new TrimtabError("invalid_model", `${name} has ${file.bytes} bytes; at most ${MAX_JSON_BYTES} are read.`);
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(await base.folder.read(name));
  } catch (error) {
    if (error instanceof TrimtabError) throw error;
    throw new TrimtabError("invalid_model", `${name} is not UTF-8 text.`, { cause: error });
  }
  return parseStrictJson(text, name, "invalid_model");
}
