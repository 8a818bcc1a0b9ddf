/**
 * Content-addressed folders: base models, deltas and full fine-tunes are all a set of named files, and the digest of such a
 * set is the SHA-256 of its sorted list of names, sizes and digests. Equal contents have equal digests everywhere.
 */
import { z } from "zod";
import { TrimtabError } from "../errors.ts";
import { sha256Hex } from "../formats/digest.ts";
import { LIMITS } from "../limits.ts";
import { Digest } from "./ids.ts";

/** A file of an adapter: at the top of a delta, or in the folder that each of several has, such as `0-lora/`. */
const ADAPTER_FILE = /^(?:(\d{1,2}-[a-z][a-z0-9_]{0,31})\/)?(adapter_config\.json|adapter(?:_model)?\.safetensors)$/;

/** What may be stored: names come from these lists and from nowhere else. */
export const FILE_NAMES = {
  delta: [ADAPTER_FILE, /^manifest\.json$/, /^serving\.safetensors$/, /^README\.md$/],
  model: [
    /^config\.json$/,
    /^model\.safetensors$/,
    /^model-\d{5}-of-\d{5}\.safetensors$/,
    /^model\.safetensors\.index\.json$/,
    /^tokenizer\.json$/,
    /^tokenizer_config\.json$/,
    /^generation_config\.json$/,
    /^special_tokens_map\.json$/,
    /^chat_template\.jinja$/,
    /^manifest\.json$/,
    /^README\.md$/,
  ],
} as const;

export type ArtefactKind = keyof typeof FILE_NAMES;

export const REQUIRED_FILES: Readonly<Record<ArtefactKind, readonly string[]>> = {
  delta: ["manifest.json", "serving.safetensors"],
  model: ["config.json", "tokenizer.json", "tokenizer_config.json"],
};

/** One file of a folder: size in bytes and digest of its contents. */
export const StoredFile = z
  .strictObject({
    name: z.string().min(1).max(128),
    bytes: z.int().min(0).max(LIMITS.modelFile),
    sha256: Digest,
  })
  .meta({ id: "StoredFile" });
export type StoredFile = z.infer<typeof StoredFile>;

/** Refuses a name that is not on the list of its kind; paths, links and pickles never match. */
export function checkFileName(kind: ArtefactKind, name: string, param: string): void {
  if (FILE_NAMES[kind].some((allowed) => allowed.test(name))) return;
  const why = /\.(bin|pt|pth|pkl|pickle|ckpt)$/i.test(name)
    ? "pickled weights can run code and are never read; convert them to safetensors"
    : `a ${kind} holds only safetensors, JSON and its card`;
  throw new TrimtabError("invalid_request", `The file name ${JSON.stringify(name)} is not allowed: ${why}.`, { param });
}

/**
 * Checks the list of a folder's files: allowed names, none twice, the required ones present; for a model either one weight
 * file or a complete set of shards with its index, for a delta at least one adapter.
 */
export function checkFileList(kind: ArtefactKind, files: readonly StoredFile[], param: string): void {
  const names = new Set<string>();
  for (const [index, file] of files.entries()) {
    checkFileName(kind, file.name, `${param}[${index}].name`);
    if (names.has(file.name)) {
      throw new TrimtabError("invalid_request", `The file ${file.name} is listed twice.`, {
        param: `${param}[${index}].name`,
      });
    }
    names.add(file.name);
  }
  const missing = REQUIRED_FILES[kind].filter((name) => !names.has(name));
  if (missing.length > 0) {
    throw new TrimtabError("invalid_request", `The ${kind} lacks ${missing.join(", ")}.`, { param });
  }
  if (kind === "model") checkWeightFiles(names, param);
  else checkAdapterFiles(names, param);
}

/** One adapter at the top, or one in each of the folders `0-…`, `1-…`, …: its configuration and one file of tensors. */
function checkAdapterFiles(names: ReadonlySet<string>, param: string): void {
  const refuse = (problem: string) => new TrimtabError("invalid_request", `The delta ${problem}.`, { param });
  const adapters = new Map<string, string[]>();
  for (const name of names) {
    const [, folder = "", file] = ADAPTER_FILE.exec(name) ?? [];
    if (file !== undefined) adapters.set(folder, [...(adapters.get(folder) ?? []), file]);
  }
  if (adapters.size === 0) throw refuse("lacks an adapter: adapter_config.json and adapter_model.safetensors");
  for (const [folder, files] of adapters) {
    const place = folder === "" ? "" : `${folder}/`;
    if (!files.includes("adapter_config.json")) throw refuse(`lacks ${place}adapter_config.json`);
    if (files.length === 1) throw refuse(`lacks ${place}adapter_model.safetensors`);
    if (files.length > 2)
      throw refuse(`has two files of tensors for one adapter: ${place}${files.slice(-2).join(", ")}`);
  }
  const folders = [...adapters.keys()];
  if (adapters.has("")) {
    if (adapters.size > 1) throw refuse(`has an adapter at the top and others in folders: ${folders.join(" ").trim()}`);
    return;
  }
  const numbers = folders.map((folder) => Number(folder.slice(0, folder.indexOf("-")))).sort((a, b) => a - b);
  if (numbers.some((number, index) => number !== index)) {
    throw refuse(`has folders of adapters that are not counted from 0: ${folders.join(", ")}`);
  }
}

function checkWeightFiles(names: ReadonlySet<string>, param: string): void {
  const shards = [...names].filter((name) => /^model-\d{5}-of-\d{5}\.safetensors$/.test(name)).sort();
  const single = names.has("model.safetensors");
  if (single === shards.length > 0) {
    const message = single
      ? "The model has both model.safetensors and shards: send one of the two."
      : "The model lacks its weights: send model.safetensors, or its shards with model.safetensors.index.json.";
    throw new TrimtabError("invalid_request", message, { param });
  }
  if (single) return;
  const count = Number(shards[0]?.slice(15, 20));
  const expected = Array.from({ length: Math.min(count, LIMITS.modelFiles) }, (_, i) => shardName(i + 1, count));
  if (expected.length !== shards.length || expected.some((name, i) => name !== shards[i])) {
    throw new TrimtabError("invalid_request", `The shards are not complete: ${count} are announced by their names.`, {
      param,
    });
  }
  if (!names.has("model.safetensors.index.json")) {
    throw new TrimtabError("invalid_request", "A sharded model needs model.safetensors.index.json.", { param });
  }
}

function shardName(index: number, count: number): string {
  return `model-${String(index).padStart(5, "0")}-of-${String(count).padStart(5, "0")}.safetensors`;
}

/** SHA-256 over the folder's sorted file list; the folder's identity. */
export async function folderDigest(files: readonly StoredFile[]): Promise<string> {
  const rows = files.map(({ name, bytes, sha256 }) => [name, bytes, sha256] as const);
  rows.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return sha256Hex(new TextEncoder().encode(JSON.stringify(rows)));
}
