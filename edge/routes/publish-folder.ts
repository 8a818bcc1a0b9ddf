import type { ArtefactKind } from "../../shared/api/artefact-kinds/registry.ts";
import { checkFileList, folderDigest, type StoredFile } from "../../shared/api/artefacts.ts";
import type { Delta, Model } from "../../shared/api/models.ts";
import { hex, sha256Hex } from "../../shared/formats/digest.ts";
import type { FileContents } from "../blobs/file-contents.ts";
import type { Idempotency } from "../objects/idempotency.ts";
import type { Remote } from "../objects/rpc.ts";
import type { Tenant } from "../objects/tenant.ts";

export interface FolderToPublish {
  readonly kind: ArtefactKind;
  readonly files: ReadonlyMap<string, FileContents>;
  readonly base: { readonly id: string; readonly digest: string };
  /** Part of the model name of the result. */
  readonly suffix: string | null;
  readonly ignoredFiles?: readonly string[];
  /** Of the base; for a model. */
  readonly contextLength?: number;
}

/**
 * Stores and publishes a result that no job made: records the blobs' keys, stores the bytes, then writes the record
 * that names them, so that anything a crash leaves behind is swept. The record also settles `key`.
 */
export async function publishFolder(
  bucket: R2Bucket,
  tenant: Remote<Tenant>,
  { kind, files, base, suffix, ...shown }: FolderToPublish,
  key: Idempotency | null,
): Promise<Delta | Model> {
  const listed = await Promise.all([...files].map(([name, contents]) => measured(name, contents)));
  checkFileList(kind, listed, "file");
  const digest = await folderDigest(listed);
  const place = { kind, digest, names: listed.map(({ name }) => name) };
  const prefix = await tenant.artefacts.beginFiles(place);
  try {
    for (const file of listed) await store(bucket, prefix + file.name, files.get(file.name)!, file);
    return await tenant.artefacts.add({ result: { kind, digest, files: listed }, base, suffix, ...shown }, key);
  } catch (error) {
    await tenant.artefacts.dropFiles(place);
    throw error;
  }
}

async function measured(name: string, contents: FileContents): Promise<StoredFile> {
  if (contents instanceof Uint8Array) {
    return { name, bytes: contents.byteLength, sha256: await sha256Hex(contents) };
  }
  const stream = new crypto.DigestStream("SHA-256");
  const writer = stream.getWriter();
  let bytes = 0;
  for await (const piece of contents()) {
    bytes += piece.byteLength;
    await writer.write(piece);
  }
  await writer.close();
  return { name, bytes, sha256: hex(await stream.digest) };
}

/** In one put of any size: R2 keeps no digest of a multipart upload. */
async function store(bucket: R2Bucket, key: string, contents: FileContents, file: StoredFile): Promise<void> {
  const { bytes, sha256 } = file;
  if (contents instanceof Uint8Array) {
    await bucket.put(key, contents, { sha256 });
    return;
  }
  const { readable, writable } = new FixedLengthStream(bytes);
  const ends = await Promise.allSettled([written(contents(), writable), bucket.put(key, readable, { sha256 })]);
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}

async function written(pieces: AsyncIterable<Uint8Array>, writable: WritableStream<Uint8Array>): Promise<void> {
  const writer = writable.getWriter();
  try {
    for await (const piece of pieces) await writer.write(piece);
    await writer.close();
  } catch (error) {
    await writer.abort(error).catch(() => {});
    throw error;
  }
}
