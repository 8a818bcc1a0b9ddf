/** The facts of edits as the tenant's files: how they are checked, stored and read. */

import { checkFacts } from "../../shared/edits/check-facts.ts";
import { EditFact } from "../../shared/edits/fact.ts";
import { TrimtabError } from "../../shared/errors.ts";
import type { BlobSource } from "../blobs/blob-source.ts";
import { storeDataset } from "../blobs/receive-dataset.ts";
import { verifiedBlob } from "../blobs/verified-stream.ts";
import type { Remote } from "../objects/rpc.ts";
import type { StoredFacts } from "../objects/tenant/edits/edit-jobs.ts";
import type { Tenant } from "../objects/tenant.ts";

/** Throws `invalid_request`, naming the fact and its field, for facts that no model can be taught. */
export function requireSoundFacts(facts: readonly EditFact[]): void {
  const found = checkFacts(facts);
  if (found === undefined) return;
  const param = `facts[${found.index}].${found.field}`;
  throw new TrimtabError("invalid_request", `\`${param}\` ${found.problem}.`, { param });
}

/** Stores facts, a line each, and makes something that owns the file; what was stored goes if that fails. */
export async function withStoredFacts<T>(
  tenant: Remote<Tenant>,
  bucket: R2Bucket,
  facts: readonly unknown[],
  make: (file: StoredFacts) => Promise<T>,
): Promise<T> {
  const { id, key } = await tenant.files.begin();
  try {
    const received = await storeDataset({ filename: "facts.jsonl", chunks: lines(facts) }, bucket, key);
    return await make({ id, facts: received });
  } catch (error) {
    await tenant.files.drop(id);
    throw error;
  }
}

async function* lines(facts: readonly unknown[]): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  for (const fact of facts) yield encoder.encode(`${JSON.stringify(fact)}\n`);
}

/** The text of a file that the tenant has. Throws `corrupt_blob` where its bytes are missing or changed. */
export async function storedText(bucket: R2Bucket, source: BlobSource): Promise<string> {
  return new Response(await verifiedBlob(bucket, source)).text();
}

/** The records of a file of lines. */
export async function storedLines(bucket: R2Bucket, source: BlobSource): Promise<unknown[]> {
  const text = await storedText(bucket, source);
  return text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as unknown]));
}

/** The facts of an edit as they were sent. */
export async function storedFacts(bucket: R2Bucket, source: BlobSource): Promise<EditFact[]> {
  return (await storedLines(bucket, source)).map((line) => EditFact.parse(line));
}
