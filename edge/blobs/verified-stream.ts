import { TrimtabError } from "../../shared/errors.ts";
import { hex } from "../../shared/formats/digest.ts";

/**
 * Passes bytes on, one chunk late, while it computes their digest: the last chunk is released only once the digest is right, so
 * a reader that reaches the end has what was stored. Otherwise the stream fails with `corrupt_blob`.
 */
export function verifiedStream(body: ReadableStream<Uint8Array>, sha256: string): ReadableStream<Uint8Array> {
  const digest = new crypto.DigestStream("SHA-256");
  const hash = digest.getWriter();
  let held: Uint8Array | undefined;
  return body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      async transform(chunk, controller) {
        await hash.write(chunk);
        if (held !== undefined) controller.enqueue(held);
        held = chunk;
      },
      async flush(controller) {
        await hash.close();
        const found = hex(await digest.digest);
        if (found !== sha256) {
          const error = new TrimtabError("corrupt_blob", "The stored bytes are not those that were uploaded.");
          console.error(error.message, { expected: sha256, found });
          controller.error(error);
        } else if (held !== undefined) {
          controller.enqueue(held);
        }
      },
    }),
  );
}
