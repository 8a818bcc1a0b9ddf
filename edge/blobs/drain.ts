/**
 * Reads and discards what is left of a body, up to `maxBytes`. A server that closes the connection while the client is still
 * sending resets it, and the client never sees the reply that says what was wrong.
 */
export async function drain(body: ReadableStream<Uint8Array> | null, maxBytes: number): Promise<void> {
  if (body === null || body.locked) return;
  const reader = body.getReader();
  let bytes = 0;
  try {
    while (bytes <= maxBytes) {
      const { done, value } = await reader.read();
      if (done) return;
      bytes += value.byteLength;
    }
    await reader.cancel();
  } catch {
    // The client has gone; nobody is left to answer.
  } finally {
    reader.releaseLock();
  }
}
