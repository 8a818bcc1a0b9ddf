/**
 * Reads what is left of a body and throws it away, up to `maxBytes`. A server that answers while a client still sends, and
 * then closes the connection, resets it: the client never sees the answer that says what was wrong.
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
    // The client has gone: there is nobody to answer.
  } finally {
    reader.releaseLock();
  }
}
