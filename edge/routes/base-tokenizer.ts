import { loadTokenizer, type Tokenizer } from "../../shared/model/tokenizer.ts";
import { FolderReader } from "../blobs/folder-reader.ts";
import type { StoredFolder } from "../blobs/stored-folder.ts";
import { LoadOnce } from "../serving/load-once.ts";

/** A tokenizer takes up to a second to load, and those who need one send several requests. */
const tokenizers = new LoadOnce<Tokenizer>();

/** A base's tokenizer without the rest of the model. One stays in memory, at module scope as models do: the one that was used last. */
export async function baseTokenizer(blobs: R2Bucket, base: StoredFolder): Promise<Tokenizer> {
  const tokenizer = await tokenizers.get(base.digest, async () => {
    const files = new FolderReader(blobs, base);
    return loadTokenizer(await files.json("tokenizer.json"), await files.json("tokenizer_config.json"), {
      chatTemplate: files.has("chat_template.jinja") ? await files.text("chat_template.jinja") : undefined,
      modelConfig: await files.json("config.json"),
    });
  });
  for (const [digest] of tokenizers.loaded()) if (digest !== base.digest) tokenizers.forget(digest);
  return tokenizer;
}
