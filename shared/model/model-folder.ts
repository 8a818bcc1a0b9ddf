import { z } from "zod";
import { TrimtabError } from "../errors.ts";
import { type ByteSource, type FileTensor, parseSafetensors } from "../formats/safetensors.ts";
import { parseStrictJson, quoteName } from "../formats/strict-json.ts";
import { type ModelConfig, parseModelConfig } from "./config.ts";
import { resolveTie } from "./tied-head.ts";
import { loadTokenizer, type Tokenizer } from "./tokenizer.ts";
import { openWeights, type Weights } from "./weights.ts";

/** A Hugging Face model folder: file name → bytes, which may stay on disk. */
export type ModelFiles = ReadonlyMap<string, ByteSource>;

const SINGLE = "model.safetensors";
const INDEX = "model.safetensors.index.json";

const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

/**
 * The folder's configuration, tokenizer and weights. Weights are read on access. Throws `invalid_model`, naming the file
 * and what to change.
 */
export function loadModelFolder(files: ModelFiles): { config: ModelConfig; weights: Weights; tokenizer: Tokenizer } {
  const stated = parseModelConfig(readModelJson(files, "config.json"));
  const tensors = weightTensors(files);
  const config = resolveTie(stated, tensors);
  return { config, weights: openWeights(config, tensors), tokenizer: loadFolderTokenizer(files) };
}

export function loadFolderTokenizer(files: ModelFiles): Tokenizer {
  const template = wholeFile(files, "chat_template.jinja");
  return loadTokenizer(readModelJson(files, "tokenizer.json"), readModelJson(files, "tokenizer_config.json"), {
    chatTemplate: template === undefined ? undefined : readText("chat_template.jinja", template),
    modelConfig: files.has("config.json") ? readModelJson(files, "config.json") : undefined,
  });
}

/**
 * The tensors of `model.safetensors`, or of the shards listed in `model.safetensors.index.json`. The index and the shards
 * must list the same tensors. Bytes are views of the files.
 */
export function weightTensors(files: ModelFiles): ReadonlyMap<string, FileTensor> {
  if (files.has(SINGLE)) return readTensors(files, SINGLE);
  const parsed = indexSchema.safeParse(readModelJson(files, INDEX));
  if (!parsed.success)
    throw new TrimtabError("invalid_model", `${INDEX} has no weight_map from tensors to shard files`);
  const expected = new Map(Object.entries(parsed.data.weight_map));
  const tensors = new Map<string, FileTensor>();
  for (const shard of new Set(expected.values())) {
    for (const [name, tensor] of readTensors(files, shard)) {
      if (expected.get(name) !== shard) {
        throw new TrimtabError(
          "invalid_model",
          `${shard} contains ${quoteName(name)}, but ${INDEX} does not list it there`,
        );
      }
      tensors.set(name, tensor);
    }
  }
  const missing = [...expected.keys()].find((name) => !tensors.has(name));
  if (missing !== undefined) {
    throw new TrimtabError(
      "invalid_model",
      `${expected.get(missing)} lacks ${quoteName(missing)}, which ${INDEX} lists there`,
    );
  }
  return tensors;
}

function readTensors(files: ModelFiles, name: string): ReadonlyMap<string, FileTensor> {
  return parseSafetensors(requireFile(files, name), { name }).tensors;
}

/** Parses a JSON file of the folder. Throws `invalid_model` when it is missing or not valid JSON. */
export function readModelJson(files: ModelFiles, name: string): unknown {
  return parseStrictJson(readText(name, readWhole(requireFile(files, name))), name, "invalid_model");
}

function readText(name: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch (cause) {
    throw new TrimtabError("invalid_model", `${name} is not UTF-8 text`, { cause });
  }
}

/** The bytes of a file of the folder, or undefined if it does not exist. */
export function wholeFile(files: ModelFiles, name: string): Uint8Array | undefined {
  const file = files.get(name);
  return file && readWhole(file);
}

const readWhole = (file: ByteSource) => file.subarray(0, file.byteLength);

function requireFile(files: ModelFiles, name: string): ByteSource {
  const file = files.get(name);
  if (file === undefined) throw new TrimtabError("invalid_model", `the model folder lacks ${quoteName(name)}`);
  return file;
}
