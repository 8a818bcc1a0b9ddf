import { folderDigest } from "../../shared/api/artefacts.ts";
import type { Result } from "../../shared/api/trainer.ts";
import { sha256Hex } from "../../shared/formats/digest.ts";
import type { ResultFolder } from "../recipes/result.ts";
import type { JobClient } from "./client.ts";

/**
 * Stores a result's files and returns the list with which to publish it. A file's address contains its digest and a file is
 * created only once, so repeating this after a failure changes nothing.
 */
export async function storeFolder(
  client: Pick<JobClient, "uploadFile">,
  { kind, files }: ResultFolder,
): Promise<Result> {
  const listed = await Promise.all(
    [...files].map(async ([name, bytes]) => ({ name, bytes: bytes.byteLength, sha256: await sha256Hex(bytes) })),
  );
  const digest = await folderDigest(listed);
  for (const { name, sha256 } of listed) {
    await client.uploadFile({ kind, digest }, { name, bytes: files.get(name)!, sha256 });
  }
  return { kind, digest, files: listed };
}
