/** A body that arrives in these chunks. */
export function streamOf(chunks: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
}

/** Bytes cut into chunks of `size`. */
export function chunked(bytes: Uint8Array, size: number): ReadableStream<Uint8Array> {
  const count = Math.ceil(bytes.byteLength / size);
  return streamOf(Array.from({ length: count }, (_, i) => bytes.slice(i * size, (i + 1) * size)));
}
