import { checkFileList, folderDigest } from "../../../shared/api/artefacts.ts";
import type { Result } from "../../../shared/api/trainer.ts";
import { MANIFEST_FILE, type Manifest, parseManifest } from "../../../shared/delta/manifest.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { parseSafetensorsHeader, safetensorsHeaderLength } from "../../../shared/formats/safetensors.ts";
import { LENGTH_BYTES } from "../../../shared/formats/safetensors-header.ts";
import { UploadedFolder } from "../../blobs/uploaded-folder.ts";

/**
 * Checks that a result is what its list claims before anything points to it: the digest is the list's, every file is stored with
 * its size and digest, every tensor file has an honest header, and a delta's manifest names the base. Returns that manifest,
 * null for a model.
 *
 * @throws TrimtabError invalid_delta or invalid_model with the file that is wrong.
 */
export async function verifyResult(
  bucket: R2Bucket,
  { prefix, result, base }: { prefix: string; result: Result; base: { id: string; digest: string } },
): Promise<Manifest | null> {
  const code = result.kind === "delta" ? "invalid_delta" : "invalid_model";
  checkFileList(result.kind, result.files, "result.files");
  if ((await folderDigest(result.files)) !== result.digest) {
    throw new TrimtabError(code, "`result.digest` is not the digest of `result.files`.", { param: "result.digest" });
  }
  const folder = new UploadedFolder(bucket, prefix, code);
  await folder.verify(result.files);
  for (const { name, bytes } of result.files.filter((file) => file.name.endsWith(".safetensors"))) {
    const options = { code, name } as const;
    const start = await folder.read(name, { offset: 0, length: Math.min(LENGTH_BYTES, bytes) });
    const length = safetensorsHeaderLength(start, bytes, options);
    parseSafetensorsHeader(await folder.read(name, { offset: 0, length: LENGTH_BYTES + length }), bytes, options);
  }
  return result.kind === "delta" ? checkManifest(await folder.read(MANIFEST_FILE), base) : null;
}

/** A delta belongs to the base that the job was for. */
function checkManifest(bytes: Uint8Array, base: { id: string; digest: string }): Manifest {
  const manifest = parseManifest(bytes);
  if (manifest.base_digest === base.digest) return manifest;
  throw new TrimtabError(
    "invalid_delta",
    `${MANIFEST_FILE} names another base than ${base.id} with digest ${base.digest}.`,
  );
}
