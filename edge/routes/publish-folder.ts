import { type ArtefactKind, checkFileList, folderDigest } from "../../shared/api/artefacts.ts";
import type { Delta, Model } from "../../shared/api/models.ts";
import { sha256Hex } from "../../shared/formats/digest.ts";
import type { Idempotency } from "../objects/idempotency.ts";
import type { Remote } from "../objects/remote.ts";
import type { Tenant } from "../objects/tenant.ts";

export interface FolderToPublish {
  readonly kind: ArtefactKind;
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly base: { readonly id: string; readonly digest: string };
  /** Part of the name under which the result answers. */
  readonly suffix: string | null;
}

/**
 * Stores a result that no job made and publishes it: the keys are recorded, then the bytes are stored, then the record that
 * names them is made, so that a crash in between leaves nothing that is not swept. `asked` is settled with the record.
 */
export async function publishFolder(
  bucket: R2Bucket,
  tenant: Remote<Tenant>,
  { kind, files, base, suffix }: FolderToPublish,
  asked: Idempotency | null,
): Promise<Delta | Model> {
  const listed = await Promise.all(
    [...files].map(async ([name, bytes]) => ({ name, bytes: bytes.byteLength, sha256: await sha256Hex(bytes) })),
  );
  checkFileList(kind, listed, "file");
  const digest = await folderDigest(listed);
  const place = { kind, digest, names: listed.map(({ name }) => name) };
  const prefix = await tenant.beginArtefactFiles(place);
  try {
    for (const { name, sha256 } of listed) await bucket.put(prefix + name, files.get(name)!, { sha256 });
    return await tenant.addArtefact({ result: { kind, digest, files: listed }, base, suffix }, asked);
  } catch (error) {
    await tenant.dropArtefactFiles(place);
    throw error;
  }
}
