/**
 * Content-addressed folders: base models, deltas and full fine-tunes are sets of named files, and the digest of such a set is
 * the SHA-256 of its sorted list of names, sizes and digests. Equal contents have equal digests everywhere.
 */
import { z } from "zod";
import { TrimtabError } from "../errors.ts";
import { CORPUS_FILE } from "../evaluation/corpus.ts";
import { PROBES_FILE } from "../evaluation/probes.ts";
import { sha256Hex } from "../formats/digest.ts";
import { LIMITS } from "../limits.ts";
import type { ArtefactKindRow } from "./artefact-kinds/kind.ts";
import { ARTEFACT_KINDS, type ArtefactKind } from "./artefact-kinds/registry.ts";
import { Digest } from "./ids.ts";

/** One file of a folder: size in bytes and digest of its contents. */
export const StoredFile = z
  .strictObject({
    name: z.string().min(1).max(128),
    bytes: z.int().min(0).max(LIMITS.modelFile),
    sha256: Digest,
  })
  .meta({ id: "StoredFile" });
export type StoredFile = z.infer<typeof StoredFile>;

/** Rejects a name that its kind does not allow; paths, links and pickles never match. */
export function checkFileName(kind: ArtefactKind, name: string, param: string): void {
  if (ARTEFACT_KINDS[kind].fileNames.some((allowed) => allowed.test(name))) return;
  const why = /\.(bin|pt|pth|pkl|pickle|ckpt)$/i.test(name)
    ? "pickled weights can run code and are never read; convert them to safetensors"
    : /\.gguf$/i.test(name)
      ? "GGUF files are not supported; use the original folder with safetensors"
      : `a ${kind} holds only safetensors, JSON and its card`;
  throw new TrimtabError("invalid_request", `The file name ${JSON.stringify(name)} is not allowed: ${why}.`, { param });
}

/**
 * Checks the list of a folder's files: allowed names, none twice, the required ones present, and together what their kind
 * demands.
 *
 * @throws TrimtabError invalid_request with the file, or the list, that is wrong.
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
  const { requiredFiles, checkNames }: ArtefactKindRow = ARTEFACT_KINDS[kind];
  const missing = requiredFiles.filter((name) => !names.has(name));
  if (missing.length > 0) {
    throw new TrimtabError("invalid_request", `The ${kind} lacks ${missing.join(", ")}.`, { param });
  }
  checkNames(names, param);
}

/**
 * SHA-256 over the folder's sorted file list; the folder's identity. A base's probes and its corpus are left out: they measure the
 * model and change nothing that it computes, so a delta fits the base with and without them.
 */
const MEASURES: readonly string[] = [PROBES_FILE, CORPUS_FILE];

export async function folderDigest(files: readonly StoredFile[]): Promise<string> {
  const own = files.filter(({ name }) => !MEASURES.includes(name));
  const rows = own.map(({ name, bytes, sha256 }) => [name, bytes, sha256] as const);
  rows.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return sha256Hex(new TextEncoder().encode(JSON.stringify(rows)));
}
