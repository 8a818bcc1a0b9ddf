/** Server-sent events, as OpenAI's SDKs read them. */
import { errorResponse } from "../../shared/api/errors.ts";
import { randomText } from "../../shared/api/ids.ts";

export function sseData(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}

/** A named event, as in the Responses API. */
export function sseEvent(event: { readonly type: string }): string {
  return `event: ${event.type}\n${sseData(event)}`;
}

const BLOCK_BYTES = 64;

/**
 * Adds random characters that make the object's JSON a multiple of 64 bytes, so that its size does not reveal its text.
 */
export function obfuscated<T>(value: T): T & { readonly obfuscation: string } {
  const bytes = new TextEncoder().encode(JSON.stringify({ ...value, obfuscation: "" })).byteLength;
  const missing = BLOCK_BYTES - (bytes % BLOCK_BYTES);
  return { ...value, obfuscation: randomText(missing, (into) => crypto.getRandomValues(into)) };
}

/**
 * A reply that sends each line as it is made. When the client disconnects, the generator's `return` runs its `finally` blocks;
 * `onCancel` comes before, for a generator that waits for something which has to end first.
 */
export function sseResponse(lines: AsyncGenerator<string, void>, onCancel: () => void = () => {}): Response {
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = await lines.next().catch((error: unknown) => ({ error }));
        if ("error" in next) {
          // workerd ends the reply of a stream that fails like any other.
          console.error("a stream of events broke off", next.error);
          controller.enqueue(encoder.encode(sseData(errorResponse(next.error))));
          controller.close();
        } else if (next.done) controller.close();
        else controller.enqueue(encoder.encode(next.value));
      },
      async cancel() {
        onCancel();
        await lines.return();
      },
    },
    // Produces nothing before it is read.
    { highWaterMark: 0 },
  );
  return new Response(body, {
    headers: {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache",
      "x-accel-buffering": "no",
    },
  });
}
