import { MANIFEST_FILE, type Manifest, parseManifest, requireBase, requireFewMetrics } from "../delta/manifest.ts";
import type { Scorer } from "../delta/scorer.ts";
import { decodeScorer, SCORER_FILE } from "../delta/scorer-file.ts";
import { SERVING_FILE } from "../delta/serving-file.ts";
import { TrimtabError } from "../errors.ts";
import { quoteName } from "../formats/strict-json.ts";
import { ADAPTER_CONFIG, readAdapterFolder } from "../peft/adapter-folder.ts";
import type { Adapter, AdapterFormat, BaseAccess } from "../peft/method.ts";
import { isBystander } from "./bystanders.ts";

/** The limit for one file. Settings need no more, and JSON is slower to read than tensors of the same size. */
const MAX_JSON_BYTES = 1 << 20;
/** The number of methods that a manifest can list. */
const MAX_ADAPTERS = 64;

export interface UploadedParts {
  /** None only if there is a scorer. */
  readonly adapters: readonly Adapter[];
  readonly scorer: Scorer | undefined;
  /** The manifest of a downloaded delta; undefined for an adapter made by another tool. */
  readonly manifest: Manifest | undefined;
  /** The files of the folder that were not read, in the archive's order and by the archive's names. */
  readonly ignored: readonly string[];
}

export interface UploadTarget extends BaseAccess {
  readonly digest: string;
  readonly tokenizerDigest: string;
}

/**
 * Reads a folder with one adapter, or with a subfolder for each of several (`0-lora/`, `1-prefix/`), in order, and the
 * scorer of a classifier or a reward model that was downloaded. Outer folders
 * that contain everything, as archivers make them, are removed. The serving form is never read: it follows from the adapters.
 * Files that trainers and archivers leave beside an adapter are ignored, and so are checkpoints beside the final adapter.
 *
 * Throws `invalid_delta`, naming the file, field or tensor that is wrong, or the base that the delta was made for.
 */
export async function readAdapterParts(
  uploaded: ReadonlyMap<string, Uint8Array>,
  base: UploadTarget,
  formats: ReadonlyMap<string, AdapterFormat>,
): Promise<UploadedParts> {
  const { files, ignored } = adapterFilesOf(uploaded);
  for (const [name, { length }] of files) {
    if (!name.endsWith(".json") || length <= MAX_JSON_BYTES) continue;
    throw refuse(`${quoteName(name)} has ${length} bytes; at most ${MAX_JSON_BYTES} are allowed`);
  }
  const bytes = files.get(MANIFEST_FILE);
  const manifest = bytes === undefined ? undefined : parseManifest(bytes);
  if (manifest !== undefined) {
    requireFewMetrics(manifest);
    requireBase(manifest, base);
  }
  const scorerFile = files.get(SCORER_FILE);
  const scorer = scorerFile === undefined ? undefined : decodeScorer(scorerFile, base.config);
  const adapters: Adapter[] = [];
  for (const folder of adapterFolders(files)) {
    try {
      adapters.push(await readAdapterFolder(folder.files, base, formats));
    } catch (error) {
      if (!(error instanceof TrimtabError) || folder.name === "") throw error;
      throw new TrimtabError(error.code, `${folder.name}/: ${error.message}`, { cause: error, data: error.data });
    }
  }
  return { adapters, scorer, manifest, ignored };
}

const CHECKPOINT = /^(?:.*\/)?(checkpoint-\d+)\//;

/** The files to read, without the folders around them, and the names of the others. */
function adapterFilesOf(uploaded: ReadonlyMap<string, Uint8Array>) {
  const relevant = [...uploaded].filter(([name]) => !isBystander(name) || ownCard(name));
  const inCheckpoint = ([name]: readonly [string, unknown]) => CHECKPOINT.test(name);
  const outside = relevant.filter((file) => !inCheckpoint(file));
  const isFinal = outside.some(([name]) => name.endsWith(ADAPTER_CONFIG));
  const checkpoints = new Set(relevant.filter(inCheckpoint).map(([name]) => CHECKPOINT.exec(name)![1]!));
  if (!isFinal && checkpoints.size > 1) {
    const names = [...checkpoints].join(", ");
    throw refuse(`the folder holds several checkpoints of one run (${names}); upload the folder of the one to serve`);
  }
  const kept = new Map(isFinal ? outside : relevant);
  const ignored = [...uploaded.keys()].filter((name) => !kept.has(name) && !ownCard(name));
  return { files: withoutOuterFolder(kept), ignored };
}

/** A published delta's own card is part of it, and not worth a mention. */
const ownCard = (name: string) => name === "README.md";

/** The folders that contain an adapter; "" is the top level. Throws for a file outside all of them. */
function adapterFolders(files: ReadonlyMap<string, Uint8Array>): { name: string; files: Map<string, Uint8Array> }[] {
  const topLevelFiles = new Set([MANIFEST_FILE, SERVING_FILE, SCORER_FILE, "README.md"]);
  const byFolder = new Map<string, Map<string, Uint8Array>>();
  for (const [path, bytes] of files) {
    const at = path.lastIndexOf("/");
    if (at < 0 && topLevelFiles.has(path)) continue;
    const folder = byFolder.get(path.slice(0, Math.max(at, 0))) ?? new Map<string, Uint8Array>();
    byFolder.set(path.slice(0, Math.max(at, 0)), folder.set(path.slice(at + 1), bytes));
  }
  if (byFolder.size === 0 && files.has(SCORER_FILE)) return [];
  if (byFolder.size === 0) throw refuse(`the folder lacks ${ADAPTER_CONFIG}`);
  const names = [...byFolder.keys()].sort(byNumber);
  if (names.length > MAX_ADAPTERS)
    throw refuse(`there are ${names.length} adapters; a delta has at most ${MAX_ADAPTERS}`);
  for (const name of names) {
    if (names.length > 1 && (name === "" || name.includes("/"))) {
      const [file] = byFolder.get(name)!.keys();
      throw refuse(`${quoteName(name === "" ? file! : name)} is outside the folders of the adapters`);
    }
  }
  return names.map((name) => ({ name, files: byFolder.get(name)! }));
}

/** `2-lora` before `10-prefix`. */
function byNumber(left: string, right: string): number {
  const [a, b] = [Number.parseInt(left, 10), Number.parseInt(right, 10)];
  if (Number.isFinite(a) && Number.isFinite(b) && a !== b) return a - b;
  return left < right ? -1 : 1;
}

/** Removes the folders that contain everything, which only reflect how the archive was packed. */
function withoutOuterFolder(files: ReadonlyMap<string, Uint8Array>): ReadonlyMap<string, Uint8Array> {
  const [first = "", ...others] = files.keys();
  let shared = first.length;
  for (const name of others) {
    let at = 0;
    while (at < shared && name[at] === first[at]) at++;
    shared = at;
  }
  const outer = first.lastIndexOf("/", shared - 1) + 1;
  return new Map([...files].map(([name, bytes]) => [name.slice(outer), bytes]));
}

function refuse(problem: string): TrimtabError {
  return new TrimtabError("invalid_delta", problem);
}
