import { TrimtabError } from "../../shared/errors.ts";
import { type CheckedDataset, DatasetCheck } from "./dataset-check.ts";

/** Files of jobs that later jobs can train on: `synthetic.jsonl`, and its parts where it is large. */
const DATASETS = /^synthetic(?:-\d+)?\.jsonl$/;

/**
 * What a stored file of a job holds, if it is one to train on, as an upload of it would be shown.
 *
 * @throws TrimtabError invalid_file with the place of the first bad record.
 */
export async function keptDataset(
  bucket: R2Bucket,
  { name, key }: { name: string; key: string },
): Promise<CheckedDataset | null> {
  if (!DATASETS.test(name)) return null;
  const object = await bucket.get(key);
  if (object === null) throw new TrimtabError("corrupt_blob", "The file's bytes are missing from the store.");
  const check = new DatasetCheck({ purpose: "fine-tune", said: undefined });
  for await (const chunk of object.body as unknown as AsyncIterable<Uint8Array>) await check.push(chunk);
  check.end();
  return check.facts("fine-tune");
}
