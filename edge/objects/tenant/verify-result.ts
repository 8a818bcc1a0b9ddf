import type { ArtefactKindRow } from "../../../shared/api/artefact-kinds/kind.ts";
import { ARTEFACT_KINDS } from "../../../shared/api/artefact-kinds/registry.ts";
import { checkFileList, folderDigest } from "../../../shared/api/artefacts.ts";
import type { Result } from "../../../shared/api/trainer.ts";
import { MANIFEST_FILE, type Manifest, parseManifest, requireFewMetrics } from "../../../shared/delta/manifest.ts";
import { SERVING_FILE } from "../../../shared/delta/serving-file.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { parseSafetensorsHeader, safetensorsHeaderLength } from "../../../shared/formats/safetensors.ts";
import { LENGTH_BYTES } from "../../../shared/formats/safetensors-header.ts";
import { UploadedFolder } from "../../blobs/uploaded-folder.ts";
import { heapLimitBytes } from "../../env.ts";
import { deltaRoom } from "../../serving/limits.ts";
import { requireRoom } from "../../serving/servable.ts";
import { dropReservation } from "../blob-ledger.ts";
import { artefactPrefix } from "./artefact-rows.ts";
import type { TenantContext } from "./context.ts";
import type { JobBase } from "./job-base.ts";

/**
 * Checks that a result matches its list before anything points to it: the digest is the list's, every file is stored
 * with its size and digest, every tensor file has a valid header, and the manifest of a kind that has one names the
 * base. A delta's serving form must fit in `room` bytes, or no request could use it. Returns the manifest, or null.
 *
 * @throws TrimtabError invalid_delta or invalid_model with the file that is wrong.
 */
export async function verifyResult(
  bucket: R2Bucket,
  {
    prefix,
    result,
    base,
    room,
  }: { prefix: string; result: Result; base: { id: string; digest: string }; room: number },
): Promise<Manifest | null> {
  const { unsound: code, manifest }: ArtefactKindRow = ARTEFACT_KINDS[result.kind];
  checkFileList(result.kind, result.files, "result.files");
  const served = result.files.find(({ name }) => result.kind === "delta" && name === SERVING_FILE);
  if (served !== undefined) requireRoom(served.bytes, { bytes: room });
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
  return manifest === null ? null : checkManifest(await folder.read(manifest), base);
}

/** Checks that the manifest names the job's base. */
function checkManifest(bytes: Uint8Array, base: { id: string; digest: string }): Manifest {
  const manifest = parseManifest(bytes);
  requireFewMetrics(manifest);
  if (manifest.base_digest === base.digest) return manifest;
  throw new TrimtabError(
    "invalid_delta",
    `${MANIFEST_FILE} names another base than ${base.id} with digest ${base.digest}.`,
  );
}

/**
 * Checks a result in the tenant's store. Abandons the files of an unsound one, so that they can be stored again.
 *
 * @throws TrimtabError as `verifyResult`.
 */
export async function verifyStored(
  { db, env, now, rearm, tenant }: TenantContext,
  result: Result,
  base: Pick<JobBase, "id" | "digest">,
): Promise<Manifest | null> {
  const prefix = artefactPrefix(tenant().id, result.kind, result.digest);
  try {
    return await verifyResult(env.BLOBS, { prefix, result, base, room: deltaRoom(heapLimitBytes(env)) });
  } catch (error) {
    for (const { name } of result.files) dropReservation(db, prefix + name, now());
    await rearm();
    throw error;
  }
}
