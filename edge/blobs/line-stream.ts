import { errorResponse } from "../../shared/api/errors.ts";

/**
 * Lines of JSON as the body of a reply whose length nobody knows. workerd ends a reply whose stream fails like any other, so a
 * failure is a last line of its own, `{"error": {…}}`, as in a stream of events.
 */
export function lineStream(lines: AsyncGenerator<Uint8Array, void>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    const next = await lines.next().catch((error: unknown) => ({ error }));
    if ("error" in next) {
      console.error("a stream of lines broke off", next.error);
      controller.enqueue(encoder.encode(`${JSON.stringify(errorResponse(next.error))}\n`));
      controller.close();
    } else if (next.done) controller.close();
    else controller.enqueue(next.value);
  };
  return new ReadableStream<Uint8Array>(
    { pull, cancel: async () => void (await lines.return()) },
    { highWaterMark: 0 },
  );
}
