/** Server-sent events, as OpenAI's SDKs read them. */
import { randomText } from "../../shared/api/ids.ts";

export function sseData(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}

/** An event with a name, as the Responses API has them. */
export function sseEvent(event: { readonly type: string }): string {
  return `event: ${event.type}\n${sseData(event)}`;
}

const BLOCK_BYTES = 64;

/** The object with random characters that make its JSON a multiple of 64 bytes, so that its size does not tell its text. */
export function obfuscated<T>(value: T): T & { readonly obfuscation: string } {
  const bytes = new TextEncoder().encode(JSON.stringify({ ...value, obfuscation: "" })).byteLength;
  const missing = BLOCK_BYTES - (bytes % BLOCK_BYTES);
  return { ...value, obfuscation: randomText(missing, (into) => crypto.getRandomValues(into)) };
}

/**
 * A reply that sends each line as it is made. When the client goes away the generator is returned into, so that its `finally`
 * blocks run.
 */
export function sseResponse(lines: AsyncGenerator<string, void>): Response {
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await lines.next();
        if (done) controller.close();
        else controller.enqueue(encoder.encode(value));
      },
      async cancel() {
        await lines.return();
      },
    },
    // Nothing is made before it is asked for.
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
