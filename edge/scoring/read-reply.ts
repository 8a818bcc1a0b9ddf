import { joinBytes } from "../../shared/formats/join-bytes.ts";

/**
 * Reads a reply up to a limit, and lets the connection go where it is longer or the signal fires.
 *
 * @returns undefined where the reply is longer than `limit` bytes, as it says or as it turns out
 * @throws the signal's reason, or the network's error
 */
export async function readReply(
  response: Response,
  limit: number,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  const { body } = response;
  if (body === null) return new Uint8Array(0);
  const reader: ReadableStreamDefaultReader<Uint8Array> = body.getReader();
  const leave = (): void => void reader.cancel(signal.reason).catch(() => {});
  signal.addEventListener("abort", leave, { once: true });
  try {
    signal.throwIfAborted();
    if (Number(response.headers.get("content-length") ?? 0) > limit) return undefined;
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for (;;) {
      const { done, value } = await reader.read();
      // Cancelling ends a read as if the reply were over.
      signal.throwIfAborted();
      if (done) return joinBytes(chunks);
      bytes += value.byteLength;
      if (bytes > limit) return undefined;
      chunks.push(value);
    }
  } finally {
    signal.removeEventListener("abort", leave);
    leave();
  }
}
