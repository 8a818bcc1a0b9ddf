import { TrimtabError } from "../../shared/errors.ts";
import { hex } from "../../shared/formats/digest.ts";
import type { BlobSource } from "./blob-source.ts";

/** A stored blob as it is read: see `verifiedStream`. Throws `corrupt_blob` where there is none, or one of another length. */
export async function verifiedBlob(bucket: R2Bucket, source: BlobSource): Promise<ReadableStream<Uint8Array>> {
  const object = await bucket.get(source.key);
  if (object === null) throw new TrimtabError("corrupt_blob", "The bytes are missing from the store.");
  if (object.size === source.bytes) return verifiedStream(object.body, source);
  await object.body.cancel();
  throw changed({ expected: source.bytes, found: object.size });
}

/**
 * Passes bytes on, one chunk late, while it computes their digest: the last chunk is released only once the digest is right, so
 * a reader that reaches the end has what was stored. Otherwise the stream fails with `corrupt_blob`.
 *
 * As a reply's body it has a content-length. Without one, workerd ends the reply of a stream that fails like any other, and the
 * client takes part of a file for all of it.
 */
export function verifiedStream(
  body: ReadableStream<Uint8Array>,
  { sha256, bytes }: Pick<BlobSource, "sha256" | "bytes">,
): ReadableStream<Uint8Array> {
  const digest = new crypto.DigestStream("SHA-256");
  // Nobody waits for the digest of bytes that are not read to their end.
  digest.digest.catch(() => undefined);
  const hash = digest.getWriter();
  let held: Uint8Array | undefined;
  return body
    .pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        async transform(chunk, controller) {
          await hash.write(chunk);
          if (held !== undefined) controller.enqueue(held);
          held = chunk;
        },
        async flush(controller) {
          await hash.close();
          const found = hex(await digest.digest);
          if (found !== sha256) controller.error(changed({ expected: sha256, found }));
          else if (held !== undefined) controller.enqueue(held);
        },
      }),
    )
    .pipeThrough(new FixedLengthStream(bytes));
}

function changed(data: { readonly expected: string | number; readonly found: string | number }): TrimtabError {
  const error = new TrimtabError("corrupt_blob", "The stored bytes are not those that were uploaded.");
  console.error(error.message, data);
  return error;
}
