import { parseModelConfig } from "../../shared/model/config.ts";
import { tokenizerDigest } from "../../shared/model/tokenizer.ts";
import type { UploadTarget } from "../../shared/package/adapter-parts.ts";
import { FolderReader } from "./folder-reader.ts";
import type { StoredFolder } from "./stored-folder.ts";
import { StoredWeights } from "./stored-weights.ts";

/** A stored base as the formats of adapters see it. `base.config` is its config.json. */
export async function baseAccess(
  bucket: R2Bucket,
  base: StoredFolder & { readonly config: unknown },
): Promise<UploadTarget> {
  const config = parseModelConfig(base.config);
  const weights = new StoredWeights(bucket, base, config);
  const tokenizer = await new FolderReader(bucket, base).json("tokenizer.json");
  return {
    config,
    digest: base.digest,
    tokenizerDigest: await tokenizerDigest(tokenizer),
    weight: (name) => weights.weight(name),
  };
}
