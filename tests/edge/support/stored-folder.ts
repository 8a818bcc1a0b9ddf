import { env } from "cloudflare:test";
import type { StoredFolder } from "../../../edge/blobs/stored-folder.ts";
import { folderDigest } from "../../../shared/api/artefacts.ts";
import { type Folder, fileList } from "./tiny-base.ts";

/** Writes a folder into R2 and gives its record, as the objects keep it. */
export async function storeFolder(folder: Folder): Promise<StoredFolder> {
  const files = await fileList(folder);
  const digest = await folderDigest(files);
  const prefix = `tests/${digest}/`;
  for (const [name, bytes] of folder) await env.BLOBS.put(prefix + name, bytes);
  return { digest, prefix, files };
}

/** The bytes of a file that was imported with `?url&inline`. */
export function bytesOf(dataUrl: string): Uint8Array {
  return Uint8Array.from(atob(dataUrl.slice(dataUrl.indexOf(",") + 1)), (c) => c.charCodeAt(0));
}
