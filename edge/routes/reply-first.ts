/** How much of a body may still come beside its reply, and for how long. */
export interface DrainLimits {
  readonly bytes: number;
  readonly ms: number;
}

/** What a body has next is there by then, if it has come at all. */
const LOOK_MS = 20;

/** Of a reply that is no error, whose client has sent a body that nobody reads. */
const UNREAD: DrainLimits = { bytes: 1 << 16, ms: 1_000 };

/**
 * A reply that does not wait for what is left of the request's body. A server that closes the connection while the client still
 * sends resets it, and the client never sees the reply that says what was wrong: so an error is sent at once and whole, and stays
 * open while the rest of the body is read and discarded, within limits.
 */
export async function replyFirst(
  response: Response,
  body: ReadableStream<Uint8Array> | null,
  limits: DrainLimits,
): Promise<Response> {
  if (body === null || body.locked) return response;
  const rest = new Rest(body, response.status < 400 ? UNREAD : limits);
  if (await rest.isRead()) return response;
  if (response.status < 400 || response.body === null) {
    await rest.discard();
    return response;
  }
  const bytes = new Uint8Array(await response.arrayBuffer());
  const { readable, writable } = new FixedLengthStream(bytes.length);
  const writer = writable.getWriter();
  void (async () => {
    await writer.write(bytes);
    await rest.discard();
    await writer.close();
    // The client may leave at any time.
  })().catch(() => undefined);
  return new Response(readable, response);
}

class Rest {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #limits: DrainLimits;
  #next: Promise<ReadableStreamReadResult<Uint8Array>>;

  constructor(body: ReadableStream<Uint8Array>, limits: DrainLimits) {
    this.#reader = body.getReader();
    this.#limits = limits;
    // A body that breaks off has no rest.
    this.#next = this.#read();
  }

  /** Whether the body is at its end. */
  async isRead(): Promise<boolean> {
    const next = await within(LOOK_MS, this.#next);
    if (next?.done !== true) return false;
    this.#reader.releaseLock();
    return true;
  }

  async discard(): Promise<void> {
    const { bytes: most, ms } = this.#limits;
    const end = Date.now() + ms;
    let bytes = 0;
    for (;;) {
      const next = await within(end - Date.now(), this.#next);
      if (next?.done === true) break;
      bytes += next?.value.byteLength ?? 0;
      if (next === undefined || bytes > most) {
        await this.#reader.cancel().catch(() => undefined);
        break;
      }
      this.#next = this.#read();
    }
    this.#reader.releaseLock();
  }

  #read(): Promise<ReadableStreamReadResult<Uint8Array>> {
    return this.#reader.read().catch(() => ({ done: true, value: undefined }));
  }
}

/** What a promise has come to by then; undefined if nothing. */
async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), Math.max(0, ms));
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
